/* SPDX-License-Identifier: Apache-2.0
 *
 * Of the page's script, which is one function made of plot_page_*.js in a row: text, a price as
 * steps, and the axes. Prices are micro-dollars an hour (-1: not known), times Unix seconds.
 */
const SVG = document.querySelector(".still svg").namespaceURI;
const HOUR = 3600, DAY = 86400;
const LEAST_SPAN = 10; /* seconds: no closer */
const GAP = -1;
const SAMPLES = 180, UNDER = 4, CALM = 100; /* how lines are compared that cover each other */

function html(name, attributes, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes || {}))
		element.setAttribute(key, value);
	element.append(...children);
	return element;
}

function svg(name, attributes, ...children) {
	const element = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes || {}))
		element.setAttribute(key, value);
	element.append(...children);
	return element;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/* --- text ---------------------------------------------------------------------------------- */

/* Exact, at least `decimals` places. */
function money(micros, decimals = 4) {
	const whole = Math.floor(micros / 1e6);
	let rest = String(Math.round(micros - whole * 1e6)).padStart(6, "0");
	while (rest.length > decimals && rest.endsWith("0"))
		rest = rest.slice(0, -1);
	return rest ? `${whole}.${rest}` : String(whole);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function utc(time) {
	const text = new Date(time * 1000).toISOString();
	return `${text.slice(0, 10)} ${text.slice(11, time % 60 ? 19 : 16)} UTC`;
}

const LOCAL = new Intl.DateTimeFormat(undefined, {
	weekday: "short", day: "numeric", month: "short", year: "numeric",
	hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
const local = (time) => LOCAL.format(new Date(time * 1000));

function duration(seconds) {
	if (seconds < 120)
		return `${Math.round(seconds)} s`;
	if (seconds < 2 * HOUR)
		return `${Math.round(seconds / 60)} min`;
	if (seconds < 2 * DAY)
		return `${Math.round(seconds / HOUR)} h`;
	return `${Math.round(seconds / DAY)} days`;
}

/* --- a price as steps ---------------------------------------------------------------------- */

/* How many of the times are at or before t. */
function until(times, t) {
	let low = 0, high = times.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (times[middle] <= t)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

function priceAt(line, t) {
	const n = until(line.times, t);
	return n ? line.prices[n - 1] : GAP;
}

/* The lowest and highest price in [from, to); undefined where none is known. */
function extent(line, from, to) {
	let low = Infinity, high = -Infinity;
	for (let i = Math.max(0, until(line.times, from) - 1);
	     i < line.times.length && line.times[i] < to; i++) {
		if (line.prices[i] === GAP)
			continue;
		low = Math.min(low, line.prices[i]);
		high = Math.max(high, line.prices[i]);
	}
	return high < low ? undefined : [low, high];
}

/*
 * Of a thinned line the span around t whose changes are not all here, so that the price at t is
 * not known to the page; null where it is. The first and the last change of each such span are
 * always kept, with its lowest and its highest price.
 */
function cutAround(line, t) {
	const n = until(line.times, t);
	if (!line.bucket || !n || n === line.times.length || line.times[n - 1] === t)
		return null;
	const from = line.since + Math.floor((t - line.since) / line.bucket) * line.bucket;
	const to = from + line.bucket;
	return Math.max(line.times[n - 1], line.since) < from || line.times[n] >= to ? null : [from, to];
}

/* "0.3100", of a thinned line "0.3000 to 0.4500", or that nothing is known. `show` is of a price. */
function priceText(line, t, show = money) {
	const cut = cutAround(line, t), price = priceAt(line, t);
	if (!cut)
		return price === GAP ? "not known" : show(price);
	const seen = extent(line, ...cut);
	if (!seen)
		return "not known";
	const [low, high] = seen.map((micros) => show(micros));
	const text = low === high ? low : `${low} to ${high}`;
	const begin = Math.max(0, until(line.times, cut[0]) - 1);
	const gap = line.prices.slice(begin, until(line.times, cut[1] - 1)).includes(GAP);
	return gap ? `${text} or not known` : text;
}

/*
 * Steps only. Changes that fall on one place (a tenth of a pixel, a whole one where they are very
 * many) are one stroke from the lowest to the highest of them: no spike is lost.
 */
function pathOf(line, view, x, y, width) {
	const begin = Math.max(0, until(line.times, view[0]) - 1);
	const grain = until(line.times, view[1]) - begin > 3 * width ? 1 : 10;
	let path = "", down = false, at = null, low, high, last;

	const stroke = () => {
		if (at === null)
			return;
		if (low !== undefined) {
			path += down ? `H${at}V${y(high)}` : `M${at} ${y(high)}`;
			if (low !== high)
				path += `V${y(low)}`;
			down = true;
		} else if (down) {
			path += `H${at}`;
		}
		if (last === GAP)
			down = false;
		else if (last !== low)
			path += `V${y(last)}`;
	};
	for (let i = begin; i < line.times.length && line.times[i] < view[1]; i++) {
		const here = Math.floor(x(Math.max(line.times[i], view[0])) * grain) / grain;
		const price = line.prices[i];
		if (here !== at) {
			stroke();
			[at, low, high] = [here, undefined, undefined];
		}
		last = price;
		if (price !== GAP) {
			low = low === undefined ? price : Math.min(low, price);
			high = high === undefined ? price : Math.max(high, price);
		}
	}
	stroke();
	return down ? `${path}H${x(view[1])}` : path;
}

/* --- axes ---------------------------------------------------------------------------------- */

function linearTicks(low, high) {
	for (let decade = 1; ; decade *= 10)
		for (const mantissa of [1, 2, 2.5, 5]) {
			const step = mantissa * decade;
			const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
			if (last - first < 6)
				return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
		}
}

function logTicks(low, high) {
	for (const [mantissas, nth] of [[[1, 2, 3, 5], 1], [[1, 2, 5], 1], [[1, 3], 1], [[1], 1],
					[[1], 2], [[1], 3], [[1], 4]]) {
		const ticks = [];
		for (let k = 0; k < 16; k += nth)
			for (const mantissa of mantissas)
				if (mantissa * 10 ** k >= low && mantissa * 10 ** k <= high)
					ticks.push(mantissa * 10 ** k);
		if (ticks.length < 7)
			return ticks.length < 3 ? linearTicks(low, high) : ticks;
	}
	return linearTicks(low, high);
}

function decimalsOf(ticks) {
	return Math.max(2, ...ticks.map((tick) => (money(tick, 2).split(".")[1] || "").length));
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR,
	       6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];

function fixedTicks(from, to, step) {
	/* weeks begin on Monday; day 0 was a Thursday */
	const shift = step % (7 * DAY) === 0 ? 4 * DAY : 0;
	const ticks = [];
	for (let t = Math.ceil((from - shift) / step) * step + shift; t < to; t += step) {
		const date = new Date(t * 1000), text = date.toISOString();
		if (t % DAY === 0)
			ticks.push([t, `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}`]);
		else
			ticks.push([t, text.slice(11, step % 60 ? 19 : 16)]);
	}
	return ticks;
}

function monthTicks(from, to, months) {
	const start = new Date(from * 1000), ticks = [];
	let month = start.getUTCFullYear() * 12 + start.getUTCMonth();
	for (month -= month % months; ; month += months) {
		const t = Date.UTC(Math.floor(month / 12), month % 12) / 1000;
		if (t >= to)
			return ticks;
		if (t >= from)
			ticks.push([t, new Date(t * 1000).toISOString().slice(0, months < 12 ? 7 : 4)]);
	}
}

function timeTicks(from, to, most) {
	for (const step of STEPS)
		if ((to - from) / step <= most)
			return fixedTicks(from, to, step);
	for (const months of [1, 2, 3, 6, 12, 24, 60, 120, 240, 1200])
		if ((to - from) / (months * 30 * DAY) <= most)
			return monthTicks(from, to, months);
	return [];
}

/* Moves labels apart; what has no room at all is dropped. Each: { y, ... }. */
function spread(labels, height, top, bottom) {
	const kept = labels.sort((a, b) => a.y - b.y).slice(0, Math.floor((bottom - top) / height) + 1);
	let floor = top;
	for (const label of kept) {
		label.y = Math.max(label.y, floor);
		floor = label.y + height;
	}
	let ceiling = bottom;
	for (const label of kept.reverse()) {
		label.y = Math.min(label.y, ceiling);
		ceiling = label.y - height;
	}
	return kept;
}
