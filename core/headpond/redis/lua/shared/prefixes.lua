-- prefixes: what stands before the body of each job, or what `since` has of one that did not wait from the first moment
-- on: 13 digits, since when it waits (ms), and 16, its score in waiting.
-- KEYS  jobs since
local function prefixes(ids)
  local found = {}
  if redis.call('EXISTS', since) == 1 then
    found = redis.call('HMGET', since, unpack(ids))
  end
  local bodies
  for i = 1, #ids do
    if not found[i] then
      bodies = bodies or redis.call('HMGET', jobs, unpack(ids))
      found[i] = string.sub(bodies[i], 1, 29)
    end
  end
  return found
end
