-- reap: take up to `limit` jobs from workers whose lease ran out; poison goes to failed.
-- KEYS  active owners busy workers tries failed reasons outcomes meta wake
--@include bury
--@include return
--@include shares
-- beaten_at: when a worker was heard of last; `beats` says only until when that counts, by the lease it had then.
local function beaten_at(worker)
  return tonumber(string.sub(redis.call('HGET', workers, worker) or '0', 1, 13))
end

local function reap(limit)
  local found = redis.call('ZRANGEBYSCORE', active, '-inf', now, 'WITHSCORES', 'LIMIT', '0', limit)
  if #found == 0 then
    return 0
  end
  local ids = {}
  for i = 1, #found, 2 do
    ids[#ids + 1] = found[i]
  end
  local set = redis.call('HMGET', meta, 'max_deliveries', 'lease_ms')
  local deliveries, lease = tonumber(set[1] or 3), tonumber(set[2] or 14500)
  local held = redis.call('HMGET', owners, unpack(ids))
  local marks = marks_of(ids) or {}
  redis.call('ZREM', active, unpack(ids))
  redis.call('HDEL', owners, unpack(ids))
  free_slots(ids)
  tell('lost', ids)
  local poison, back = {}, {}
  for i, id in ipairs(ids) do
    local worker, claimed = string.match(held[i], '^(.*)%.%d+|(%d+)$')
    if redis.call('HINCRBY', busy, worker, '-1') <= 0 then
      redis.call('HDEL', busy, worker)
    end
    if marks[i] then
      bury(id, marks[i], stopped_outcome(claimed, worker))
    elseif found[2 * i] - claimed == lease and beaten_at(worker) - claimed > lease / 2 then
      back[#back + 1] = id -- never renewed by a worker that has beaten long since: it never heard of this claim
    else
      local crashes = redis.call('HINCRBY', tries, id, '1') % 1000
      if crashes >= deliveries then
        local why = 'Its worker was lost ' .. crashes .. ' times while it ran, last ' .. worker .. '.'
        redis.call('ZADD', failed, now, id)
        redis.call('HSET', reasons, id, 'crashed')
        -- an array of 7 by hand: a Lua table can't hold the nil that the result is
        local outcome = cmsgpack.pack(tonumber(claimed), 0, nil, 'WorkerLost', why, '', worker)
        redis.call('HSET', outcomes, id, '\151' .. outcome) -- 0x97: an array of these seven
        poison[#poison + 1] = id
      else
        back[#back + 1] = id
      end
    end
  end
  put_back(back)
  if #poison > 0 then
    tell('failed', poison, 'crashed')
    depart(poison, FAILED)
    trim_ill(failed)
  end
  close_graves()
  redis.call('ZADD', wake, '0', '0')
  return #ids
end
