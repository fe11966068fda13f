"""HTTP. Asynchronous, and nothing slow in a request: it verifies, stores, answers.

The webhooks and the health routes are plain Starlette routes; the documented API is a FastAPI application that is built
when it is first asked for.
"""
