"""Bicep without its compiler: enough of the language to evaluate our templates into the resources that they deploy."""
