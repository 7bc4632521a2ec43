/* SPDX-License-Identifier: Apache-2.0
 *
 * The chart as it stands: its switches and its picture, drawn anew after each change. Everything
 * shown is set as text or as an attribute, so that no name can become markup. What answers the
 * pointer and the keys is in plot_page_chart.js.
 */
class Drawing {
	constructor(section, data) {
		this.data = data;
		this.full = [data.since, data.until];
		this.view = this.full;
		this.log = data.log;
		this.fit = false;
		this.cursor = null; /* the time under the crosshair */
		this.near = null;   /* the line next to the pointer */
		this.pointers = new Map();
		this.lines = data.lines.map((line, i) => {
			let time = 0;
			return {
				zone: line.zone, id: line.id, chosen: line.chosen, on: true,
				bucket: line.bucket_s, since: data.since,
				times: line.t.map((delta) => (time += delta)), prices: line.p,
				classes: `line c${i % 6} d${Math.floor(i / 6) % 4}` +
					 (line.chosen ? " chosen" : ""),
				text: `k${i % 6}`,
			};
		});
		this.rules = data.rules.map((rule) => ({ ...rule, on: true }));
		const onDemand = data.rules.find((rule) => rule.label === "on demand");
		this.onDemand = onDemand ? onDemand.micros : 0;
		this.build(section);
	}

	build(section) {
		this.picture = svg("svg", { class: "plot", "aria-hidden": "true" });
		this.tip = html("div", { class: "tip", hidden: "" });
		this.said = html("p", { class: "unseen", "aria-live": "polite" });
		this.chart = html("div", {
			class: "chart", tabindex: "0", role: "application",
			"aria-roledescription": "chart",
			"aria-label": `Spot price of ${this.data.title}. Left and right move the crosshair, ` +
				"with shift to the next change; up and down choose the zone; plus and minus " +
				"zoom; escape shows everything. The table below holds the figures.",
		}, this.picture, this.tip, this.said);
		section.append(this.makeLegend(), this.makeTools(), this.chart);
		this.listen();
		new ResizeObserver(() => this.resize()).observe(this.chart);
	}

	/* --- switches --- */

	makeSwitch(item, [label, note], classes, picture) {
		const button = html("button", { type: "button", class: classes, "aria-pressed": "true" });
		button.append(svg("svg", { class: "plot", viewBox: "0 0 20 10", "aria-hidden": "true" },
				  svg("path", { d: "M0 5H20", class: picture })),
			      html("span", {}, label));
		if (note)
			button.append(html("small", {}, note));
		button.addEventListener("click", () => {
			item.on = !item.on;
			button.setAttribute("aria-pressed", item.on);
			this.draw();
		});
		return button;
	}

	makeLegend() {
		const legend = html("div", { class: "bar legend", role: "group",
					     "aria-label": "Zones and rules shown" });
		for (const line of this.lines)
			legend.append(this.makeSwitch(line, [line.zone, line.id],
						      line.chosen ? "zone chosen" : "zone", line.classes));
		for (const rule of this.rules)
			legend.append(this.makeSwitch(rule, [rule.label, money(rule.micros, 2)], "level",
						      rule.strong ? "rule strong" : "rule"));
		return legend;
	}

	makeTools() {
		const tools = html("div", { class: "bar tools", role: "group", "aria-label": "View" });
		const add = (name, title, text, act) => {
			const button = html("button", { type: "button", class: name, title }, text);
			button.addEventListener("click", act);
			tools.append(button);
			return button;
		};
		const toggle = (name, title, text, key) => {
			const button = add(name, title, text, () => {
				this[key] = !this[key];
				button.setAttribute("aria-pressed", this[key]);
				this.draw();
			});
			button.setAttribute("aria-pressed", this[key]);
		};
		toggle("log", "A logarithmic price axis", "Log scale", "log");
		toggle("fit", "Let the axis follow the prices alone, not the rules", "Fit to prices", "fit");
		add("in", "Zoom in (+)", "+", () => this.zoom(0.5)).setAttribute("aria-label", "Zoom in");
		add("out", "Zoom out (-)", "\u2212", () => this.zoom(2)).setAttribute("aria-label", "Zoom out");
		add("reset", "Show everything (Escape, or double click)", "Reset", () => this.reset());
		this.range = html("span", { class: "range" });
		tools.append(this.range);
		return tools;
	}

	/* --- drawing --- */

	resize() {
		const width = Math.round(this.chart.clientWidth);
		if (width && width !== this.width)
			this.draw();
	}

	lineShown(line) {
		return line.on && extent(line, ...this.view) !== undefined;
	}

	priceRange() {
		const seen = [];
		for (const line of this.lines)
			if (line.on)
				seen.push(...(extent(line, ...this.view) || []));
		if (!this.fit || !seen.length)
			for (const rule of this.rules)
				if (rule.on)
					seen.push(rule.micros);
		let low = Math.min(...seen), high = Math.max(...seen);
		if (!seen.length)
			low = high = 1e6;
		const log = this.log && low > 0;
		if (!log && low < high / 2)
			low = 0;
		if (high - low < high / 10 || high - low < 4) {
			low = Math.max(log ? 0.5 : 0, low - Math.max(high / 10, 2));
			high += Math.max(high / 10, 2);
		}
		return [low, high, log];
	}

	layOut() {
		const [low, high, log] = this.priceRange();
		this.ticks = log ? logTicks(low, high) : linearTicks(low, high);
		this.decimals = decimalsOf(this.ticks);
		this.width = Math.max(200, Math.round(this.chart.clientWidth));
		this.height = Math.round(clamp(this.width * 0.46, 260, 460));
		const longest = Math.max(...this.ticks.map((tick) => money(tick, this.decimals).length));
		const named = this.width >= 640;
		this.box = { left: longest * 7.2 + 12, right: this.width - (named ? 150 : 10), top: 22,
			     bottom: this.height - 40, named };
		const { left, right, top, bottom } = this.box, [from, to] = this.view;
		this.x = (t) => Math.round((left + (t - from) / (to - from) * (right - left)) * 10) / 10;
		this.time = (x) => from + (clamp(x, left, right) - left) / (right - left) * (to - from);
		const part = log ? (price) => Math.log(Math.max(price, low) / low) / Math.log(high / low)
				 : (price) => (price - low) / (high - low);
		this.y = (price) => Math.round((bottom - part(price) * (bottom - top)) * 10) / 10;
		this.scale = { low, high, log };
	}

	draw() {
		this.layOut();
		const { left, right } = this.box;
		this.picture.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
		this.picture.replaceChildren();
		this.drawAxes();
		for (const rule of this.shownRules())
			this.picture.append(svg("path", { class: rule.strong ? "rule strong" : "rule",
							  d: `M${left} ${this.y(rule.micros)}H${right}` }));
		const shown = this.lines.filter((line) => this.lineShown(line))
			.sort((a, b) => a.chosen - b.chosen);
		const levels = this.levelsUnder(shown), rules = this.placeRules();
		this.drawRuleBacks(rules);
		shown.forEach((line, i) => this.picture.append(svg("path", {
			class: line.classes + (levels[i] ? ` under u${levels[i]}` : "") +
				(line === this.near ? " near" : ""), "data-zone": line.zone,
			d: pathOf(line, this.view, this.x, this.y, right - left),
		})));
		this.drawLabels(shown, rules);
		this.overlay = svg("g", { class: "overlay" });
		this.picture.append(this.overlay);
		this.drawCursor();
		const whole = this.view === this.full;
		this.range.textContent = whole ? "" : `${utc(Math.ceil(this.view[0]))} to ` +
			`${utc(Math.floor(this.view[1]))} (${duration(this.view[1] - this.view[0])})`;
		this.chart.dataset.from = this.view[0];
		this.chart.dataset.to = this.view[1];
		this.chart.dataset.top = Math.round(this.scale.high);
	}

	shownRules() {
		return this.rules.filter((rule) => rule.on && rule.micros <= this.scale.high &&
					 rule.micros >= this.scale.low);
	}

	drawText(x, y, classes, text) {
		this.picture.append(svg("text", { x, y, class: classes }, text));
	}

	drawAxes() {
		const { left, right, top, bottom } = this.box;
		for (const tick of this.ticks) {
			const y = this.y(tick);
			this.picture.append(svg("path", { class: "grid", d: `M${left} ${y}H${right}` }));
			this.drawText(left - 7, y + 4, "muted end price", money(tick, this.decimals));
		}
		for (const [t, label] of timeTicks(...this.view, Math.max(2, (right - left) / 84))) {
			const x = this.x(t);
			this.picture.append(svg("path", { class: "grid", d: `M${x} ${top}V${bottom + 5}` }));
			if (x > left + 12 && x < this.width - 18)
				this.drawText(x, bottom + 19, "muted middle time", label);
		}
		this.picture.append(svg("path", { class: "axis", d: `M${left} ${bottom}H${right}` }));
		this.drawText(left, bottom + 35, "muted", this.scale.log ? "$/h, logarithmic" : "$/h");
		this.drawText(right, bottom + 35, "muted end", "UTC");
	}

	/* How many of the lines drawn later cover each one: it is drawn wider then, and shows beneath. */
	levelsUnder(lines) {
		const seen = lines.map(() => Array(UNDER + 1).fill(0)), [from, to] = this.view;
		for (let s = 0; s < SAMPLES; s++) {
			const t = from + (to - from) * s / SAMPLES, above = new Map();
			for (let i = lines.length - 1; i >= 0; i--) {
				const price = priceAt(lines[i], t), y = Math.round(this.y(price));
				if (price === GAP)
					continue;
				const level = above.get(y) || 0;
				above.set(y, level + 1);
				for (let k = 1; k <= Math.min(level, UNDER); k++)
					seen[i][k]++;
			}
		}
		/* a wide line of many changes would hide what is beside it */
		const calm = ({ times }) => until(times, to) - until(times, from) <= CALM;
		return seen.map((counts, i) => calm(lines[i]) ?
			counts.filter((n, k) => k > 0 && n >= SAMPLES / 20).length : 0);
	}

	placeRules() {
		const { top, bottom } = this.box;
		const rules = this.shownRules().map((rule) => ({ y: this.y(rule.micros) - 4, rule,
			text: `${rule.label} ${money(rule.micros, 2)}` }));
		return spread(rules, 14, top - 6, bottom - 2);
	}

	/* A rule would strike its own label through: beneath the lines, the label's place is cleared. */
	drawRuleBacks(rules) {
		for (const { y, text } of rules)
			this.picture.append(svg("rect", { class: "paper", x: this.box.left + 3, y: y - 11,
							  width: text.length * 8.2 + 6, height: 14 }));
	}

	drawLabels(shown, rules) {
		const { left, right, top, bottom, named } = this.box;
		for (const { y, rule, text } of rules)
			this.drawText(left + 6, y, rule.strong ? "halo bold" : "halo", text);
		if (!named)
			return;
		const end = Math.min(this.view[1], this.full[1]) - 1;
		const lines = shown.map((line) => ({ price: priceAt(line, end), line }))
			.filter(({ price }) => price !== GAP)
			.map(({ price, line }) => ({ y: this.y(price) + 4, price, line }));
		for (const { y, price, line } of spread(lines, 14, top + 4, bottom + 4)) {
			/* zones differ in how they end */
			const zone = line.zone.length > 14 ? `\u2026${line.zone.slice(-13)}` : line.zone;
			this.drawText(right + 7, y, line.text + (line.chosen ? " bold" : ""),
				      cutAround(line, end) ? zone : `${zone} ${money(price)}`);
		}
	}
}
