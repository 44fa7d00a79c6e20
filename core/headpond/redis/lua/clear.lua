-- clear: remove up to 1,000 jobs of one state (never of active).
-- KEYS  state tags
-- ARGV  now · name of the state
-- RETURNS how many went
-- COST  O(1,000)
--@include now
--@include room
--@include ages
--@include prefixes
--@include drop
--@include ending
--@include aside
local is_waiting = ARGV[2] == 'waiting'
local ids = {}
local popped = redis.call('ZPOPMIN', state, '1000')
for i = 1, #popped, 2 do
  ids[#ids + 1] = popped[i]
end
if is_waiting and #ids > 0 and limited() and redis.call('EXISTS', aside) == 1 then
  for _, tenant in ipairs(tenants_of(ids)) do
    turn(tenant) -- it may have been called back in the place of another
  end
elseif is_waiting and #ids == 0 then
  local gone = redis.call('ZRANGEBYLEX', aside, '-', '+', 'LIMIT', '0', '1000')
  for i, member in ipairs(gone) do
    ids[i] = string.match(member, '^[^|]*|%d+|(.*)$')
  end
  if #ids > 0 then
    redis.call('ZREM', aside, unpack(gone))
    redis.call('HDEL', aside_at, unpack(ids))
  end
end
if #ids == 0 then
  return 0
end
if is_waiting then
  count_ages(prefixes(ids), -1)
  if redis.call('EXISTS', state, aside) == 0 then
    redis.call('DEL', tags) -- else a tenant would be behind by the jobs that it no longer has
  end
end
if is_waiting or ARGV[2] == 'delayed' then
  depart(ids, CANCELLED)
end
drop(ids)
return #ids
