-- Redis runs each of these as one function body under Lua 5.1.
std = "lua51"
max_line_length = 120
read_globals = { "KEYS", "ARGV", "redis", "cjson", "cmsgpack", "bit", "struct" }
-- An include may bring a function that this verb doesn't call.
ignore = { "211/trim" }
