/* SPDX-License-Identifier: Apache-2.0
 *
 * What moves: crosshair, zoom, pointer, wheel and keys. The page has a drawing, a table and the
 * changes without all this; a chart takes the drawing's place once it stands.
 */
class Chart extends Drawing {
	/* --- crosshair --- */

	drawCursor() {
		this.overlay.replaceChildren();
		this.tip.hidden = true;
		if (this.selection)
			this.drawSelection();
		if (this.cursor === null || this.cursor < this.view[0] || this.cursor >= this.view[1])
			return;
		const { left, right, top, bottom } = this.box, x = this.x(this.cursor);
		this.overlay.append(svg("path", { class: "cross", d: `M${x} ${top}V${bottom}` }));
		const rows = this.lines.filter((line) => line.on)
			.map((line) => ({ line, price: priceAt(line, this.cursor) }))
			.sort((a, b) => b.price - a.price);
		for (const { line, price } of rows)
			if (cutAround(line, this.cursor))
				this.drawBetween(line, x);
			else if (price !== GAP)
				this.overlay.append(svg("circle", { class: `dot ${line.text}`, cx: x,
								    cy: this.y(price),
								    r: line === this.near ? 5 : 3.5 }));
		this.fillTip(rows);
		this.tip.hidden = false;
		const scale = this.chart.clientWidth / this.width, room = this.chart.clientWidth;
		const wide = this.tip.offsetWidth;
		const place = x > (left + right) / 2 ? x * scale - wide - 14 : x * scale + 14;
		this.tip.style.left = `${clamp(place, 0, Math.max(0, room - wide))}px`;
	}

	/* Somewhere on this stroke: which price it was is not in the page. */
	drawBetween(line, x) {
		const seen = extent(line, ...cutAround(line, this.cursor));
		if (seen)
			this.overlay.append(svg("path", { class: `${line.classes} between`,
							  d: `M${x} ${this.y(seen[1])}V${this.y(seen[0])}` }));
	}

	share(line) {
		const percent = (micros) => `${Math.round(micros / this.onDemand * 100)}%`;
		const text = priceText(line, this.cursor, percent);
		return this.onDemand && !text.endsWith("not known") ? text : "";
	}

	fillTip(rows) {
		const body = html("table");
		for (const { line } of this.nearest(rows)) {
			const row = html("tr", line === this.near ? { class: "near" } : {},
				html("th", { scope: "row" },
				     svg("svg", { class: "plot", viewBox: "0 0 20 10", "aria-hidden": "true" },
					 svg("path", { d: "M0 5H20", class: line.classes })), line.zone),
				html("td", { class: "price" }, priceText(line, this.cursor)),
				html("td", { class: "extra" }, this.share(line)));
			body.append(row);
		}
		this.tip.replaceChildren(html("p", { class: "utc" }, utc(this.cursor)),
					 html("p", { class: "local" }, local(this.cursor)), body);
		const cut = rows.find(({ line }) => cutAround(line, this.cursor));
		if (cut)
			this.tip.append(html("p", { class: "local spike thin" },
					     `thinned: lowest to highest in ${duration(cut.line.bucket)}`));
		const spike = this.spike();
		if (spike)
			this.tip.append(html("p", { class: "local spike" }, spike));
	}

	/* At most ten rows: those next to the one that is looked at. */
	nearest(rows) {
		const at = Math.max(0, rows.findIndex(({ line }) => line === this.near));
		const begin = clamp(at - 5, 0, Math.max(0, rows.length - 10));
		return rows.slice(begin, begin + 10);
	}

	/* What the crosshair's pixel hides: a time can be asked for, a short spike hardly hit. */
	spike() {
		const line = this.near, step = (this.view[1] - this.view[0]) / (this.box.right - this.box.left);
		if (!line || step < line.bucket) /* the row itself says it */
			return "";
		const seen = extent(line, this.cursor - step / 2, this.cursor + step / 2);
		if (!seen || seen[0] === seen[1])
			return "";
		return `${line.zone} in these ${duration(step)}: ${money(seen[0])} to ${money(seen[1])}`;
	}

	/* Whole minutes where a pixel is longer than that. */
	setCursor(t, y) {
		const grain = (this.view[1] - this.view[0]) / (this.box.right - this.box.left) >= 60 ? 60 : 1;
		const first = Math.ceil(this.view[0]), last = Math.ceil(this.view[1]) - 1;
		this.cursor = clamp(Math.round(t / grain) * grain, first, last);
		if (y !== undefined)
			this.choose(y);
		this.drawCursor();
	}

	choose(y) {
		let best = null, least = Infinity;
		for (const line of this.lines) {
			const price = line.on ? priceAt(line, this.cursor) : GAP;
			if (price !== GAP && Math.abs(this.y(price) - y) < least) {
				least = Math.abs(this.y(price) - y);
				best = line;
			}
		}
		this.setNear(best);
	}

	setNear(line) {
		if (line === this.near)
			return;
		this.near = line;
		for (const path of this.picture.querySelectorAll("path[data-zone]"))
			path.classList.toggle("near", line !== null && path.dataset.zone === line.zone);
	}

	leave() {
		this.cursor = null;
		this.setNear(null);
		this.drawCursor();
	}

	/* --- zoom --- */

	setView(from, to) {
		const span = clamp(to - from, LEAST_SPAN, this.full[1] - this.full[0]);
		const begin = clamp(from, this.full[0], this.full[1] - span);
		const whole = span >= this.full[1] - this.full[0];
		this.view = whole ? this.full : [begin, begin + span];
		this.draw();
	}

	/* By a factor around a time that stays where it is. */
	zoom(factor, around = this.cursor === null ? (this.view[0] + this.view[1]) / 2 : this.cursor) {
		this.setView(around - (around - this.view[0]) * factor,
			     around + (this.view[1] - around) * factor);
	}

	pan(seconds) {
		this.setView(this.view[0] + seconds, this.view[1] + seconds);
	}

	reset() {
		this.selection = null;
		this.view = this.full;
		this.draw();
	}

	drawSelection() {
		const [a, b] = this.selection.map((t) => this.x(t)).sort((p, q) => p - q);
		this.overlay.append(svg("rect", { class: "select", x: a, y: this.box.top, width: b - a,
						  height: this.box.bottom - this.box.top }));
	}

	/* --- pointer, wheel and keys --- */

	place(event) {
		const box = this.picture.getBoundingClientRect(), scale = this.width / box.width;
		return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
	}

	listen() {
		this.chart.addEventListener("pointerdown", (event) => this.pointerDown(event));
		this.chart.addEventListener("pointermove", (event) => this.pointerMove(event));
		this.chart.addEventListener("pointerup", (event) => this.pointerUp(event));
		this.chart.addEventListener("pointercancel", (event) => this.pointerUp(event, true));
		this.chart.addEventListener("pointerleave", (event) => {
			if (event.pointerType === "mouse" && !this.selection)
				this.leave();
		});
		this.chart.addEventListener("dblclick", () => this.reset());
		this.chart.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
		this.chart.addEventListener("keydown", (event) => this.key(event));
		this.chart.addEventListener("blur", () => this.leave());
	}

	pointerDown(event) {
		if (event.button !== 0)
			return;
		const [x, y] = this.place(event);
		this.pointers.set(event.pointerId, x);
		this.chart.setPointerCapture(event.pointerId);
		if (event.pointerType === "mouse")
			this.selection = [this.time(x), this.time(x)];
		else if (this.pointers.size === 2)
			this.pinch = { xs: [...this.pointers.values()], view: this.view };
		this.setCursor(this.time(x), y);
	}

	pointerMove(event) {
		const [x, y] = this.place(event);
		if (this.pointers.has(event.pointerId))
			this.pointers.set(event.pointerId, x);
		if (this.pinch && this.pointers.size === 2) {
			this.pinchTo([...this.pointers.values()]);
			return;
		}
		if (this.selection)
			this.selection[1] = this.time(x);
		this.setCursor(this.time(x), y);
	}

	pointerUp(event, cancelled) {
		const selection = this.selection;
		this.pointers.delete(event.pointerId);
		this.pinch = null;
		this.selection = null;
		if (!selection)
			return;
		const [a, b] = selection.slice().sort((p, q) => p - q);
		if (!cancelled && this.x(b) - this.x(a) > 5)
			this.setView(a, b);
		else
			this.drawCursor();
	}

	/* The times under the two fingers stay under them. */
	pinchTo(xs) {
		const { left, right } = this.box, { view } = this.pinch;
		const at = (x) => view[0] + (x - left) / (right - left) * (view[1] - view[0]);
		const [a, b] = [Math.min(...this.pinch.xs), Math.max(...this.pinch.xs)];
		const [p, q] = [Math.min(...xs), Math.max(...xs)];
		if (b - a < 8 || q - p < 8)
			return;
		const perPixel = (at(b) - at(a)) / (q - p), from = at(a) - (p - left) * perPixel;
		this.setView(from, from + (right - left) * perPixel);
	}

	/* The page scrolls where there is nothing to zoom out of. */
	wheel(event) {
		const [x] = this.place(event), whole = this.view === this.full;
		const lines = event.deltaMode === 1 ? 16 : 1;
		if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
			if (whole)
				return;
			this.pan(event.deltaX * lines / 1000 * (this.view[1] - this.view[0]));
		} else {
			if (whole && event.deltaY >= 0)
				return;
			this.zoom(Math.exp(clamp(event.deltaY * lines, -200, 200) / 300), this.time(x));
		}
		event.preventDefault();
		this.setCursor(this.time(x));
	}

	key(event) {
		const moves = { ArrowLeft: -1, ArrowRight: 1 };
		if (event.ctrlKey || event.metaKey || event.altKey)
			return;
		if (event.key in moves)
			this.move(moves[event.key], event.shiftKey);
		else if (event.key === "ArrowUp" || event.key === "ArrowDown")
			this.otherLine(event.key === "ArrowUp" ? -1 : 1);
		else if (event.key === "+" || event.key === "=")
			this.zoom(0.5);
		else if (event.key === "-" || event.key === "_")
			this.zoom(2);
		else if (event.key === "Escape")
			this.reset();
		else if (event.key === "Home" || event.key === "End")
			this.setCursor(event.key === "Home" ? this.view[0] : this.view[1]);
		else
			return;
		event.preventDefault();
		this.say();
	}

	move(direction, toChange) {
		const span = this.view[1] - this.view[0];
		const now = this.cursor === null ? (this.view[0] + this.view[1]) / 2 : this.cursor;
		let next = now + direction * Math.max(1, span / 100);
		if (this.near === null)
			this.setNear(this.lines.find((line) => this.lineShown(line)) || null);
		if (toChange && this.near) {
			const i = until(this.near.times, direction > 0 ? now : now - 1);
			const change = this.near.times[direction > 0 ? i : i - 1];
			if (change !== undefined)
				next = change;
		}
		next = clamp(next, this.full[0], this.full[1] - 1);
		if (next < this.view[0] || next >= this.view[1])
			this.pan(next < this.view[0] ? next - this.view[0] : next - this.view[1] + span / 100);
		if (toChange) { /* a change is met to the second */
			this.cursor = clamp(Math.round(next), Math.ceil(this.view[0]),
					    Math.ceil(this.view[1]) - 1);
			this.drawCursor();
		} else {
			this.setCursor(next);
		}
	}

	/* In the order of their prices under the crosshair. */
	otherLine(direction) {
		if (this.cursor === null)
			this.setCursor((this.view[0] + this.view[1]) / 2);
		const lines = this.lines.filter((line) => line.on)
			.sort((a, b) => priceAt(b, this.cursor) - priceAt(a, this.cursor));
		if (!lines.length)
			return;
		const at = lines.indexOf(this.near);
		this.setNear(lines[at < 0 ? 0 : clamp(at + direction, 0, lines.length - 1)]);
		this.drawCursor();
	}

	say() {
		if (this.cursor === null || !this.near)
			return;
		const text = priceText(this.near, this.cursor);
		this.said.textContent = `${utc(this.cursor)}, ${this.near.zone}: ` +
			(text === "not known" ? text : `${text} dollars an hour`);
	}
}

/* --- the page ------------------------------------------------------------------------------ */

function offerCsv(section, title, thinned) {
	const button = section.querySelector(".save");
	button.hidden = false;
	button.addEventListener("click", () => {
		const text = section.querySelector(".csv").textContent;
		const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
		const name = title.replace(/[^A-Za-z0-9.]+/g, "_").replace(/^[_.]+/, "") || "prices";
		html("a", { href: url, download: `${name}${thinned ? "-thinned" : ""}.csv` }).click();
		setTimeout(() => URL.revokeObjectURL(url), 60000);
	});
}

const data = JSON.parse(document.getElementById("data").textContent);
document.querySelectorAll(".market").forEach((section, i) => {
	const live = section.querySelector(".live"), still = section.querySelector(".still");
	live.hidden = false;
	new Chart(live, data.plots[i]).draw();
	still.hidden = true;
	const { title, lines } = data.plots[i];
	offerCsv(section, title, lines.some((line) => line.bucket_s > 0));
});
