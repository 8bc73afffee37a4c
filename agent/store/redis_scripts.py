"""The Lua of the budgets, for Redis 6.2 and later. `agent.store.redis_budgets` gives them values and says why they are safe.

A budget is a hash: `filled` (when, by the clock of the process that filled it), used_, open_ (of calls under way) and raised_
(beyond what is configured), each in tokens and nano_usd; `call:SESSION` ("SEQ TOKENS NANO") of each call under way;
`noted_MEASURE` ("LIMIT SESSION") once most of it is used. One that is not filled may hold `filling`, the mark of the process
that reads Postgres for it.
"""

# Doubles are exact for whole numbers up to 2^53, which is 9 million dollars; as text they would lose digits beyond 14.
NUMBERS = """
local function int(number) return string.format('%.0f', number) end
"""
CHARGE = """
local function settle(key, session, reserved, charged)
    redis.call('HDEL', key, 'call:' .. session)
    for m, measure in ipairs({'tokens', 'nano_usd'}) do
        redis.call('HINCRBY', key, 'open_' .. measure, int(0 - reserved[m]))
        redis.call('HINCRBY', key, 'used_' .. measure, int(charged[m]))
    end
end
local function set_aside(key, session)
    return string.match(redis.call('HGET', key, 'call:' .. session) or '', '^(%d+) (%d+) (%d+)$')
end
local function settle_if_open(key, session, seq, charged)
    if redis.call('HEXISTS', key, 'filled') == 0 then redis.call('HDEL', key, 'filling') end
    local open, tokens, nano = set_aside(key, session)  -- none in a budget that is not filled
    if open == seq then settle(key, session, {tokens, nano}, charged) end
end
"""

# KEYS: budgets, and those that have no limit now. ARGV: session, seq, input tokens, least and most output, nano_usd of the
# input, pico_usd of a token of output, a new mark, a lost call of the session or 0, whether the budgets were filled for this one;
# the call to settle with it or 0, its charge in tokens and nano_usd; how many budgets there are; whether the call's start is
# committed; then for each its limits in tokens and nano_usd (-1: none), when it may be forgotten, how many tokens of the
# reservation it may lack (`Ask.saved_in`), and the time now if nothing was ever counted in it, else 0: then there is nothing to
# read from Postgres.
# What the session set aside before counts as used from now on if it was for the lost call (also when this one is refused: else
# two lost calls would wait for each other), and is replaced if it was for this one and its start is committed. Of any other call
# it is not known here what became of it, so the budget is to be filled anew; what is still set aside then is over all the same,
# since a session has one call at a time. A call of the same number that was never committed is another one: that of a process
# which may have settled the one before with it.
# All budgets or none; the output shrinks to what all of them leave.
# Where a call before is settled with it, as much is set aside as covers whatever that one is charged if its charge is never
# committed. Where too little is left, or anything is unclear, nothing changes.
RESERVE = (
    NUMBERS
    + CHARGE
    + """
local session, seq, input = ARGV[1], ARGV[2], tonumber(ARGV[3])
local least, output, input_nano, pico = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local lost, last, charged, budgets = ARGV[9], ARGV[11], {tonumber(ARGV[12]), tonumber(ARGV[13])}, tonumber(ARGV[14])
local together, committed = last ~= '0', ARGV[15] == '1'
local function given(i, n) return ARGV[15 + 5 * (i - 1) + n] end

if together then
    for i = 1, budgets do
        if set_aside(KEYS[i], session) ~= last then return {'settle first'} end
    end
end
local missing = {'fill'}
for i = 1, budgets do
    local key, new = KEYS[i], given(i, 5)
    local before, tokens, nano = set_aside(key, session)
    if before and not (before == seq and committed) and before ~= lost and not together then
        if ARGV[10] == '1' then settle(key, session, {tokens, nano}, {tokens, nano}) else redis.call('DEL', key) end
    end
    if new ~= '0' and redis.call('HEXISTS', key, 'filled') == 0 then
        redis.call('HSET', key, 'filled', new, 'used_tokens', 0, 'open_tokens', 0, 'raised_tokens', 0,
            'used_nano_usd', 0, 'open_nano_usd', 0, 'raised_nano_usd', 0)
        redis.call('EXPIREAT', key, given(i, 3))
    end
    if redis.call('HEXISTS', key, 'filled') == 0 then
        redis.call('HSETNX', key, 'filling', ARGV[8])
        redis.call('EXPIREAT', key, given(i, 3))
        missing[#missing + 1] = tostring(i)
        missing[#missing + 1] = redis.call('HGET', key, 'filling') or ARGV[8]  -- its time may have passed: forgotten at once
    end
end
if #missing > 1 then return missing end

local function cost(tokens) return input_nano + math.ceil(tokens * pico / 1000) end
local states, told = {}, {'refused'}
for i = 1, budgets do
    local key = KEYS[i]
    local stored = redis.call('HMGET', key, 'used_tokens', 'open_tokens', 'raised_tokens',
        'used_nano_usd', 'open_nano_usd', 'raised_nano_usd', 'filled')
    local before, tokens, nano = set_aside(key, session)
    local own = {0, 0}
    if before then
        own = {tonumber(tokens), tonumber(nano)}
        if before == lost then
            settle(key, session, own, own)
            stored[1], stored[4] = stored[1] + own[1], stored[4] + own[2]
            stored[2], stored[5] = stored[2] - own[1], stored[5] - own[2]
            own = {0, 0}
        end
    end
    local state = {key = key, own = own, used = {}, limit = {}}
    told[#told + 1] = stored[7]
    for m = 1, 2 do
        local used, open = tonumber(stored[3 * m - 2]) + charged[m], tonumber(stored[3 * m - 1]) - own[m]
        local limit = tonumber(given(i, m))
        if limit >= 0 then
            limit = limit + tonumber(stored[3 * m])
            local room = limit - used - open
            if m == 1 then
                output = math.min(output, room - input + tonumber(given(i, 4)))
            elseif room < input_nano then
                output = -1
            elseif room < cost(output) then
                output = math.floor((room - input_nano) * 1000 / pico)
            end
        end
        state.used[m], state.limit[m] = used, limit
        told[#told + 1] = int(used)
        told[#told + 1] = int(open)
        told[#told + 1] = int(limit)
    end
    states[i] = state
end
if together and output < least then return {'settle first'} end
if output < least then return told end

local reserved = {input + output, cost(output)}
if together then
    for i = budgets + 1, #KEYS do settle_if_open(KEYS[i], session, last, charged) end
end
local answer = {'reserved', int(output), int(reserved[2])}
for i, state in ipairs(states) do
    local held = {reserved[1], reserved[2]}
    for m, measure in ipairs({'tokens', 'nano_usd'}) do
        if together then
            redis.call('HINCRBY', state.key, 'used_' .. measure, int(charged[m]))
            held[m] = math.max(held[m], state.own[m] - charged[m])
        end
        redis.call('HINCRBY', state.key, 'open_' .. measure, int(held[m] - state.own[m]))
        local limit = state.limit[m]
        if limit >= 0 and state.used[m] >= limit * 0.8 then
            local before, now = redis.call('HGET', state.key, 'noted_' .. measure), int(limit) .. ' ' .. session
            if not before or before == now or string.match(before, '^%d+') ~= int(limit) then
                redis.call('HSET', state.key, 'noted_' .. measure, now)
                answer[#answer + 1] = int(i - 1)
                answer[#answer + 1] = int(m - 1)
                answer[#answer + 1] = int(limit)
            end
        end
    end
    redis.call('HSET', state.key, 'call:' .. session, seq .. ' ' .. int(held[1]) .. ' ' .. int(held[2]))
end
return answer
"""
)

# KEYS: budgets. ARGV: session, seq, charged tokens, charged nano_usd. A call that is not the one under way changes nothing.
SETTLE = (
    NUMBERS
    + CHARGE
    + """
for _, key in ipairs(KEYS) do settle_if_open(key, ARGV[1], ARGV[2], {ARGV[3], ARGV[4]}) end
"""
)

# KEYS: one budget. ARGV: the mark under which Postgres was read, when it may be forgotten, now, used tokens and nano_usd,
# raised tokens and nano_usd; then fields and their values. Only if nothing has happened to it since the mark was set.
FILL = (
    NUMBERS
    + """
if redis.call('HGET', KEYS[1], 'filling') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'used_tokens', ARGV[4], 'used_nano_usd', ARGV[5])
redis.call('HSET', KEYS[1], 'raised_tokens', ARGV[6], 'raised_nano_usd', ARGV[7])
local open = {0, 0}
for i = 8, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    local tokens, nano = string.match(ARGV[i + 1], '^%d+ (%d+) (%d+)$')
    if string.sub(ARGV[i], 1, 5) == 'call:' then open = {open[1] + tokens, open[2] + nano} end
end
redis.call('HSET', KEYS[1], 'filled', ARGV[3], 'open_tokens', int(open[1]), 'open_nano_usd', int(open[2]))
redis.call('EXPIREAT', KEYS[1], ARGV[2])
return 1
"""
)

# KEYS: one budget. ARGV: when it was filled; nothing: whenever that was.
FORGET = """
if ARGV[1] == '' or redis.call('HGET', KEYS[1], 'filled') == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
