"""Who is calling, and what they may do: credentials → `Caller`, permissions → routes."""

from headpond_api.auth.caller import Caller
from headpond_api.auth.credentials import Keys
from headpond_api.auth.guard import caller_of, require
from headpond_api.auth.permissions import PERMISSIONS, ROLES

__all__ = ["PERMISSIONS", "ROLES", "Caller", "Keys", "caller_of", "require"]
