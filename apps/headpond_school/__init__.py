"""Mark attendance, as a school's application does on Headpond."""

from importlib.util import find_spec

from headpond_school.attendance import app

__all__ = ["app"]

# A worker's image has no FastAPI, and starts in three quarters of the time.
if find_spec("fastapi"):
    from headpond_school.routes import router

    app.include(router)
