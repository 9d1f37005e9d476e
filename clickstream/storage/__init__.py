"""The storage account: access to blobs, and the small documents stored there."""
