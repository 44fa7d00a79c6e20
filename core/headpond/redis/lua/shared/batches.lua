-- batches: count members out, and complete.
-- KEYS  members batches batch_calls batch_ends jobs standing delayed meta wake
-- A record is {total, added, skipped, remaining, completed, failed, cancelled, opened, locked until,
-- completed at, keep ms}.
--@include ages
--@include line
--@include tell
local NOWHERE = '0000000000000000' -- in place of the score of a job that doesn't wait
local COMPLETED, FAILED, CANCELLED = 5, 6, 7

-- enlist: put the callback of a batch into the queue.
local function enlist(packed)
  local id, body, priority, delay, at, tenant = unpack(cmsgpack.unpack(packed))
  if redis.call('HEXISTS', jobs, id) == 1 then
    return
  end
  local score = NOWHERE
  if priority ~= '5' or tenant ~= '' then
    redis.call('HSET', standing, id, priority .. '|' .. tenant)
  end
  local due = math.max(now + delay, tonumber(at))
  if due > now then
    redis.call('ZADD', delayed, due, id)
  else
    score = line({ id }, { (9 - priority) .. tenant })[1]
    count_ages({ stamp }, 1)
  end
  redis.call('HSET', jobs, id, stamp .. score .. body)
  redis.call('HINCRBY', meta, 'added', 1)
  redis.call('ZADD', wake, 0, '0')
  tell('added', { id })
end

-- keep_batch: write a record back, and complete it if nothing is left to wait for.
local function keep_batch(batch, record)
  if record[10] == 0 and record[2] + record[3] >= record[1] and record[4] == 0 then
    record[9], record[10] = 0, now
    redis.call('ZADD', batch_ends, now + record[11], batch)
    tell('batch', {}, batch)
    local call = redis.call('HGET', batch_calls, batch)
    if call then
      redis.call('HDEL', batch_calls, batch)
      enlist(call)
    end
  end
  redis.call('HSET', batches, batch, cmsgpack.pack(record))
end

-- settle: these jobs ended for good; `how` is COMPLETED, FAILED or CANCELLED.
local function settle(ids, how)
  local found = redis.call('HMGET', members, unpack(ids))
  local gone, by = {}, {}
  for i = 1, #ids do
    if found[i] then
      gone[#gone + 1] = ids[i]
      by[found[i]] = (by[found[i]] or 0) + 1
    end
  end
  if #gone == 0 then
    return
  end
  redis.call('HDEL', members, unpack(gone))
  for batch, n in pairs(by) do
    local packed = redis.call('HGET', batches, batch)
    if packed then
      local record = cmsgpack.unpack(packed)
      record[4] = record[4] - n
      record[how] = record[how] + n
      keep_batch(batch, record)
    end
  end
end
