"""Mark attendance, as a school's application does on Headpond."""

from headpond_school.attendance import app
from headpond_school.routes import router

__all__ = ["app"]

app.include(router)
