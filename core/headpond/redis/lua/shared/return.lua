-- return: put jobs that were active back to their old places.
-- KEYS  waiting
--@include ages
--@include prefixes
local function put_back(ids)
  if #ids == 0 then
    return
  end
  local known, args = prefixes(ids), {}
  for i = 1, #ids do
    args[2 * i - 1] = string.sub(known[i], 14, 29)
    args[2 * i] = ids[i]
  end
  redis.call('ZADD', waiting, unpack(args))
  count_ages(known, 1)
end
