"""The scripts that Redis runs: compare the stream's last entry, and append or delete in the same step."""

# Redis remembers the last position even after that entry was trimmed or deleted, but not its event. The first field of
# an entry of ours is `id`; `foreign` is FOREIGN of events/stream/tail.py.
_LAST_ENTRY = """
local function last_entry()
  local kind = redis.call('TYPE', KEYS[1]).ok
  if kind == 'none' then return {'0', ''} end
  if kind ~= 'stream' then return {'0', 'foreign'} end
  local info, found = redis.call('XINFO', 'STREAM', KEYS[1]), {}
  for i = 1, #info, 2 do found[info[i]] = info[i + 1] end
  local id, entry = found['last-generated-id'], found['last-entry']
  if not entry or entry[1] ~= id then return {id, ''} end
  return {id, entry[2][1] == 'id' and entry[2][2] or 'foreign'}
end
local last = last_entry()
"""
COMPARE_AND_APPEND = (
    _LAST_ENTRY
    + """
if string.match(last[1], '^%d+') ~= ARGV[1] or last[2] ~= ARGV[2] then return last end
for _, entry in ipairs(cjson.decode(ARGV[4])) do
  last = {redis.call('XADD', KEYS[1], unpack(entry)), entry[3]}
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[3])
return last
"""
)
"""Append the entries if the stream's last entry has the expected position and event; return the last entry.

They come as one argument, JSON: thousands of arguments would take the server and us longer than the entries themselves.
"""
APPENDED = ":appended"
APPEND_AND_TELL = COMPARE_AND_APPEND.removesuffix("return last\n") + (
    f"if #ARGV > 3 then redis.call('PUBLISH', KEYS[1] .. '{APPENDED}', '') end\nreturn last\n"
)
"""The same, and tell whoever listens to the key's channel that there are new entries."""
COMPARE_AND_DELETE = (
    _LAST_ENTRY
    + """
if string.match(last[1], '^%d+') ~= ARGV[1] or last[2] ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""
)
"""Delete the stream if its last entry has the expected position and event."""
