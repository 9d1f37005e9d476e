"""The lake: one storage account with the captured files, the sites' documents and the Delta tables."""
