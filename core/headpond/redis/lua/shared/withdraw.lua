-- withdraw: take a job that has not started out of its place.
-- KEYS  waiting delayed aside aside_at
-- Returns `waiting` or `delayed` and its score there, or nothing.
--@include ages
--@include prefixes
--@include shares
local function withdraw(id)
  local due = redis.call('ZSCORE', delayed, id)
  if due then
    redis.call('ZREM', delayed, id)
    return 'delayed', due
  end
  local score = redis.call('ZSCORE', waiting, id)
  if score then
    redis.call('ZREM', waiting, id)
    if limited() and redis.call('EXISTS', aside) == 1 then
      turn(tenants_of({ id })[1]) -- it may have been called back in the place of another
    end
  else
    score = redis.call('HGET', aside_at, id)
    if not score then
      return nil
    end
    local member = tenants_of({ id })[1] .. '|' .. string.format('%016d', score) .. '|' .. id
    redis.call('ZREM', aside, member)
    redis.call('HDEL', aside_at, id)
  end
  count_ages(prefixes({ id }), -1)
  return 'waiting', score
end
