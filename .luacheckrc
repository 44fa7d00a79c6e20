-- Redis runs each of these as one function body under Lua 5.1.
std = "lua51"
max_line_length = 120
read_globals = { "KEYS", "ARGV", "redis", "cjson", "cmsgpack", "bit", "struct" }
-- An include may bring a function or a name that this verb doesn't use.
ignore = { "211", "221" }
