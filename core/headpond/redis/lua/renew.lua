-- renew: a worker's heartbeat; extends the leases that are still its own.
-- KEYS  active owners beats workers draining meta cancels
-- ARGV  now · worker · what it says of itself · n · then for each job: id, fence
-- RETURNS {lost ids, draining, settings version, now, ids that somebody wants stopped}
-- COST  O(n log n), n at most 1,000
--@include now
--@include room
local worker, n = ARGV[2], tonumber(ARGV[4])
local set = redis.call('HMGET', meta, 'lease_ms', 'version')
local ends = now + tonumber(set[1] or 14500)
redis.call('ZADD', beats, ends, worker)
redis.call('HSET', workers, worker, stamp .. ARGV[3])
local ids, lease, lost, own, stops = {}, {}, {}, {}, {}
for i = 1, n do
  ids[i] = ARGV[3 + 2 * i]
end
if n > 0 then
  local held = redis.call('HMGET', owners, unpack(ids))
  for i = 1, n do
    local fence = ARGV[4 + 2 * i] .. '|'
    if held[i] and string.sub(held[i], 1, #fence) == fence then
      lease[#lease + 1] = ends
      lease[#lease + 1] = ids[i]
      own[#own + 1] = ids[i]
    else
      lost[#lost + 1] = ids[i]
    end
  end
  if #own > 0 then
    redis.call('ZADD', active, 'XX', unpack(lease))
    if redis.call('EXISTS', cancels) == 1 then
      local marks = redis.call('HMGET', cancels, unpack(own))
      for i = 1, #own do
        if marks[i] then
          stops[#stops + 1] = own[i]
        end
      end
    end
  end
end
return { lost, redis.call('HEXISTS', draining, worker), tonumber(set[2] or 0), now, stops }
