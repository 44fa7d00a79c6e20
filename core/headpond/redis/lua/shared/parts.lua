-- parts: cut the pieces of a joined argument in the order in which they were joined.
local function cutter(joined)
  local at = 1
  return function(length)
    local piece = string.sub(joined, at, at + length - 1)
    at = at + length
    return piece
  end
end
