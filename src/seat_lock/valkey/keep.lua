-- Sets how long locks last, or removes them, where they still belong to the booking.
--
-- KEYS: the locks of the first claim, then those of the second, and so on.
-- ARGV: for each claim its booking, the milliseconds that its locks are to last (0 removes them), and the number of its KEYS.
-- Answer: how many locks belonged to their booking.
local kept = 0
local first = 1
for i = 1, #ARGV, 3 do
  local booking = ARGV[i]
  local last = first + tonumber(ARGV[i + 2]) - 1
  for k = first, last do
    if redis.call('GET', KEYS[k]) == booking then
      if ARGV[i + 1] == '0' then
        redis.call('DEL', KEYS[k])
      else
        redis.call('PEXPIRE', KEYS[k], ARGV[i + 1])
      end
      kept = kept + 1
    end
  end
  first = last + 1
end
return kept
