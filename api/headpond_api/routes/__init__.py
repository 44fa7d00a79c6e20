"""The API's own routes, one module for each resource."""
