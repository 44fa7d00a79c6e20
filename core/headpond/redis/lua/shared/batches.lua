-- batches: count members out, and complete.
-- KEYS  members batches batch_calls batch_ends jobs standing delayed meta wake
-- A record is {total, added, skipped, remaining, completed, failed, cancelled, opened, locked until, completed at,
-- keep ms, generation, opening}. members[id] is batch|generation|opening, with a `-` before it where the job has left,
-- or never was in: a forgotten batch whose name is used again does not count the old one's jobs, and a call that is
-- repeated counts nothing twice.
--@include ages
--@include line
--@include tell
--@include usual
local COMPLETED, FAILED, CANCELLED = 5, 6, 7

local records = {} -- as they are by now, whoever of this script changed them
local function record_of(batch)
  if records[batch] == nil then
    local ends = redis.call('ZSCORE', batch_ends, batch)
    local packed = ends and tonumber(ends) > now and redis.call('HGET', batches, batch)
    records[batch] = packed and cmsgpack.unpack(packed) or false
  end
  return records[batch]
end

local function membership(batch, record)
  return batch .. '|' .. string.format('%d', record[12])
end

-- enroll: count a job of an open batch as added, or as skipped. Whoever calls it keeps the record afterwards.
local function enroll(id, batch, is_new)
  local record = record_of(batch)
  if not record or record[10] ~= 0 then
    return
  end
  local own = membership(batch, record)
  local now_in = own .. '|' .. string.format('%d', record[13])
  if is_new then
    record[2] = record[2] + 1
    record[4] = record[4] + 1
    redis.call('HSET', members, id, now_in)
    return
  end
  local known = redis.call('HGET', members, id)
  if known and string.find(known, own .. '|', 1, true) ~= (string.sub(known, 1, 1) == '-' and 2 or 1) then
    id = id .. '|' .. batch -- what is known is of another batch, and stays
    known = redis.call('HGET', members, id)
  end
  if known == now_in or known == '-' .. now_in then
    return -- the call is repeated, and it was counted the first time
  end
  record[3] = record[3] + 1
  if not known or string.sub(known, 1, 1) == '-' then
    now_in = '-' .. now_in
  end
  redis.call('HSET', members, id, now_in)
end

local keep_batch

-- enlist: put the callback of a batch into the queue.
local function enlist(packed)
  local id, body, priority, delay, at, tenant, batch = unpack(cmsgpack.unpack(packed))
  local is_new = redis.call('HEXISTS', jobs, id) == 0
  if is_new then
    local score = NOWHERE
    if priority .. '|' .. tenant ~= usual_standing() then
      redis.call('HSET', standing, id, priority .. '|' .. tenant)
    end
    local due = math.max(now + delay, tonumber(at))
    if due > now then
      redis.call('ZADD', delayed, string.format('%d', due), id)
    else
      score = line({ id }, { (9 - priority) .. tenant })[1]
      count_ages({ stamp }, 1)
    end
    redis.call('HSET', jobs, id, stamp .. score .. body)
    redis.call('HINCRBY', meta, 'added', '1')
    redis.call('ZADD', wake, '0', '0')
    tell('added', { id })
  end
  if batch ~= '' then
    enroll(id, batch, is_new)
    keep_batch(batch)
  end
end

-- keep_batch: write a record back, and complete it if nothing is left to wait for.
function keep_batch(batch)
  local record = record_of(batch)
  if not record then
    return
  end
  local completes = record[10] == 0 and record[2] + record[3] >= record[1] and record[4] == 0
  if completes then
    record[9], record[10] = 0, now
    redis.call('ZADD', batch_ends, string.format('%d', now + record[11]), batch)
  end
  redis.call('HSET', batches, batch, cmsgpack.pack(record))
  if completes then
    tell('batch', {}, batch)
    local call = redis.call('HGET', batch_calls, batch)
    if call then
      redis.call('HDEL', batch_calls, batch)
      enlist(call)
    end
  end
end

-- settle: these jobs ended for good; `how` is COMPLETED, FAILED or CANCELLED.
local function settle(ids, how)
  local found = redis.call('HMGET', members, unpack(ids))
  local left, by = {}, {}
  for i = 1, #ids do
    if found[i] and string.sub(found[i], 1, 1) ~= '-' then
      left[#left + 1] = ids[i]
      left[#left + 1] = '-' .. found[i]
      local own = string.match(found[i], '^(.*)|%d+$')
      by[own] = (by[own] or 0) + 1
    end
  end
  if #left == 0 then
    return
  end
  redis.call('HSET', members, unpack(left))
  for own, n in pairs(by) do
    local batch = string.match(own, '^(.*)|%d+$')
    local record = record_of(batch)
    if record and membership(batch, record) == own then
      record[4] = record[4] - n
      record[how] = record[how] + n
      keep_batch(batch)
    end
  end
end
