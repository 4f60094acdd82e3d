(function () {
  "use strict";
  var collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  /* Missing values stay last whichever way the others go. */
  function compare(a, b, position, direction) {
    var x = a.cells[position], y = b.cells[position];
    var isNumber = x.hasAttribute("data-v");
    var p = isNumber ? x.dataset.v : x.textContent, q = isNumber ? y.dataset.v : y.textContent;
    var pMissing = p === "" || p === "{{ missing }}", qMissing = q === "" || q === "{{ missing }}";
    if (pMissing || qMissing) return pMissing - qMissing;
    return direction * (isNumber ? p - q : collator.compare(p, q));
  }

  /* Rows of one group are ruled off from the next group only while they stand together. */
  function ruleGroups(body) {
    var rows = Array.from(body.rows);
    var starts = rows.filter(function (row, i) { return i > 0 && row.dataset.g !== rows[i - 1].dataset.g; });
    var groups = new Set(rows.map(function (row) { return row.dataset.g; }));
    rows.forEach(function (row) { row.classList.remove("first"); });
    if (starts.length === groups.size - 1) starts.forEach(function (row) { row.classList.add("first"); });
  }

  document.querySelectorAll("table").forEach(function (table) {
    var body = table.tBodies[0], original = Array.from(body.rows), headers = Array.from(table.tHead.rows[0].cells);
    ruleGroups(body);
    headers.forEach(function (header, position) {
      var button = document.createElement("button");
      button.type = "button";
      button.title = "Sort: ascending, descending, original order";
      button.append.apply(button, Array.from(header.childNodes));
      header.append(button);
      button.addEventListener("click", function () {
        var next = { ascending: "descending", descending: "none" }[header.getAttribute("aria-sort")] || "ascending";
        headers.forEach(function (other) { other.removeAttribute("aria-sort"); });
        var rows = original.slice();
        if (next !== "none") {
          header.setAttribute("aria-sort", next);
          rows.sort(function (a, b) { return compare(a, b, position, next === "ascending" ? 1 : -1); });
        }
        body.append.apply(body, rows);
        ruleGroups(body);
      });
    });
  });
})();
