-- ticks: leave in meta when the first schedule is to fire, where every claim sees it.
-- KEYS  ticks meta
local function note_tick()
  local first = redis.call('ZRANGE', ticks, '0', '0', 'WITHSCORES')[2]
  if first then
    redis.call('HSET', meta, 'next_tick', first)
  else
    redis.call('HDEL', meta, 'next_tick')
  end
end

local function set_tick(name, at)
  if at == '0' then
    redis.call('ZREM', ticks, name)
  else
    redis.call('ZADD', ticks, at, name)
  end
  note_tick()
end
