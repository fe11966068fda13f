"""Checks of what crosses a sandbox against the providers' own specifications.

`openapi` checks one exchange against an OpenAPI document; `discovery` makes such a document of Google's; `google` and
`graph` add what no OpenAPI document says (batches, continuation links). `zoho_calendar` has a documentation to go by.
"""
