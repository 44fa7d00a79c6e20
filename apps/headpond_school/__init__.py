"""Mark attendance, as a school's application does on Headpond."""
