# What ci/bench.sh measured, in medians: `how` is table, in Markdown, or line, of the load that is the `only` one; or medians: a load, a
# server, the median and its unit, with tabs between them, for ci/scaling.sh. The first figure
# of a comparison is how many times better than docker-registry a server is, whether more or less of the unit is better.

BEGIN {
  FS = "\t"
  count = split(servers, names, " ")
  peer = "docker-registry"
}

NR == 1 || (only != "" && $1 != only) { next }

{
  if (!($1 in unit)) {
    loads[++many] = $1
    unit[$1] = $5
  }
  if (!(($1, $2) in rounds)) places[++measured] = $1 FS $2
  n = ++rounds[$1, $2]
  value[$1, $2, n] = $4
  # What is repeated for a time is as much as was done in it, so the cost of one is told.
  cpu[$1, $2, n] = each($5) ? $6 / $8 * 1e6 : $6
  peak[$1, $2, n] = $7 / 1024
}

function each(unit) { return unit == "requests/s" || unit == "ms" }

# sorted ROUNDS: of a load and a server, into `ranks`.
function sort(of, load, server,    i, j, one) {
  for (i = 1; i <= rounds[load, server]; i++) {
    one = of[load, server, i] + 0
    for (j = i - 1; j > 0 && ranks[j] > one; j--) ranks[j + 1] = ranks[j]
    ranks[j + 1] = one
  }
  return rounds[load, server]
}

function median(of, load, server,    n) {
  n = sort(of, load, server)
  return n % 2 ? ranks[(n + 1) / 2] : (ranks[n / 2] + ranks[n / 2 + 1]) / 2
}

# told NUMBER: with three digits that count, or all before the point.
function told(number,    text) {
  text = sprintf(number >= 100 ? "%.0f" : number >= 10 ? "%.1f" : "%.2f", number)
  if (number >= 1000) text = parted(text)
  return text
}

function parted(text,    head, tail) {
  tail = ""
  head = text
  while (length(head) > 3) {
    tail = "," substr(head, length(head) - 2) tail
    head = substr(head, 1, length(head) - 3)
  }
  return head tail
}

function times(load, server,    mine, other) {
  mine = median(value, load, server)
  other = median(value, load, peer)
  if (mine == 0 || other == 0) return "–"
  return told(unit[load] ~ /\/s$/ ? mine / other : other / mine) "×"
}

function line(load,    i, s, text, n) {
  text = sprintf("bench: %-20s", load)
  for (i = 1; i <= count; i++) {
    s = names[i]
    if (!((load, s) in rounds)) continue
    text = text " " s " " told(median(value, load, s)) " " unit[load]
    n = sort(value, load, s)
    text = text " (" told(ranks[1]) "–" told(ranks[n])
    if (s != peer && (load, peer) in rounds) text = text "; " times(load, s)
    text = text "; CPU " told(median(cpu, load, s)) (each(unit[load]) ? " µs each" : " s") ", peak " told(median(peak, load, s)) " MiB)"
  }
  print text
}

function row(cells) { print "| " cells " |" }

function table(    i, k, s, head, rule, cells, there) {
  head = "load | unit"
  rule = "--- | ---"
  for (i = 1; i <= count; i++) { head = head " | " names[i]; rule = rule " | ---:" }
  for (i = 1; i <= count; i++) if (names[i] != peer) { head = head " | " (count > 2 ? names[i] ", " : "") "times better"; rule = rule " | ---:" }
  for (i = 1; i <= count; i++) { head = head " | CPU, " names[i]; rule = rule " | ---:" }
  for (i = 1; i <= count; i++) { head = head " | peak MiB, " names[i]; rule = rule " | ---:" }
  row(head)
  row(rule)
  for (k = 1; k <= many; k++) {
    cells = loads[k] " | " unit[loads[k]]
    for (i = 1; i <= count; i++) cells = cells " | " (((loads[k], names[i]) in rounds) ? told(median(value, loads[k], names[i])) : "–")
    for (i = 1; i <= count; i++) if (names[i] != peer) {
      there = ((loads[k], names[i]) in rounds) && ((loads[k], peer) in rounds)
      cells = cells " | " (there ? times(loads[k], names[i]) : "–")
    }
    for (i = 1; i <= count; i++)
      cells = cells " | " (((loads[k], names[i]) in rounds) ? told(median(cpu, loads[k], names[i])) (each(unit[loads[k]]) ? " µs each" : " s") : "–")
    for (i = 1; i <= count; i++) cells = cells " | " (((loads[k], names[i]) in rounds) ? told(median(peak, loads[k], names[i])) : "–")
    row(cells)
  }
}

function medians(    i, place) {
  for (i = 1; i <= measured; i++) {
    split(places[i], place)
    print places[i] FS median(value, place[1], place[2]) FS unit[place[1]]
  }
}

END {
  if (how == "table") table()
  else if (how == "medians") medians()
  else for (k = 1; k <= many; k++) line(loads[k])
}
