-- Redis runs each of these as one function body under Lua 5.1.
std = "lua51"
max_line_length = 120
read_globals = { "KEYS", "ARGV", "redis", "cjson", "cmsgpack", "bit", "struct" }
-- An include may bring a function or a name that this verb doesn't use.
-- What is included in a block sees the names of the code around, and may have the same for its own.
ignore = { "211", "221", "431", "432", "433" }
