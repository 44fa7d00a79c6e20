-- enqueue: add jobs, each id once.
-- KEYS  jobs waiting delayed meta tags standing ages age_counts wake
-- ARGV  now · n · wake channel · queue · then for each job: id, body, standing
--       (standing is '' for priority 5, default tenant, at once; else priority|delay ms|run at ms|tenant)
-- RETURNS for each job 1 when it was added, 0 when the id exists
-- COST  O(n log waiting), n at most 1,000
local jobs, waiting, delayed, meta, tags = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local standing, ages, age_counts, wake = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
--@include now
--@include ages
--@include line
local n = tonumber(ARGV[2])
local ids, added, seen = {}, {}, {}
for i = 1, n do
  ids[i] = ARGV[2 + 3 * i]
end
local known = redis.call('HMGET', jobs, unpack(ids))
local bodies, stands, later, line_ids, lanes = {}, {}, {}, {}, {}
local stamp = string.format('%013.0f', now)
for i = 1, n do
  local id = ids[i]
  if known[i] or seen[id] then
    added[i] = 0
  else
    seen[id] = true
    added[i] = 1
    bodies[#bodies + 1] = id
    bodies[#bodies + 1] = stamp .. ARGV[3 + 3 * i]
    local how = ARGV[4 + 3 * i]
    if how == '' then
      line_ids[#line_ids + 1] = id
      lanes[#lanes + 1] = '4'
    else
      local priority, delay, at, tenant = string.match(how, '^(%d)|(%d+)|(%d+)|(.*)$')
      if priority ~= '5' or tenant ~= '' then
        stands[#stands + 1] = id
        stands[#stands + 1] = priority .. '|' .. tenant
      end
      local due = math.max(now + delay, tonumber(at))
      if due > now then
        later[#later + 1] = due
        later[#later + 1] = id
      else
        line_ids[#line_ids + 1] = id
        lanes[#lanes + 1] = (9 - priority) .. tenant
      end
    end
  end
end
if #bodies == 0 then
  return added
end
redis.call('HSET', jobs, unpack(bodies))
if #stands > 0 then
  redis.call('HSET', standing, unpack(stands))
end
if #later > 0 then
  redis.call('ZADD', delayed, unpack(later))
end
if #line_ids > 0 then
  line(line_ids, lanes)
  count_age(math.floor(now / 1000), #line_ids)
end
redis.call('HINCRBY', meta, 'added', #bodies / 2)
redis.call('ZADD', wake, 0, '0')
local mark = redis.call('HGET', meta, 'wake_at')
if mark and redis.call('ZCARD', waiting) + #later / 2 >= tonumber(mark) then
  redis.call('HDEL', meta, 'wake_at')
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return added
