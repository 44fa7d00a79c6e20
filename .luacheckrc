-- Redis runs each of these files as one function body under Lua 5.1.
std = "lua51"
max_line_length = 100
read_globals = { "KEYS", "ARGV", "redis", "cjson", "cmsgpack", "bit", "struct" }
allow_defined = false
