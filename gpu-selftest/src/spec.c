/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/spec.h"

#include <math.h>
#include <string.h>

const struct spec *spec_find(const char *name, unsigned long long memory)
{
	const struct spec *best = NULL;
	double gb = (double)memory / (1024.0 * 1024.0 * 1024.0);
	for (size_t i = 0; i < spec_count; i++) {
		const struct spec *s = &spec_table[i];
		size_t length = strlen(s->name);
		if (strncmp(name, s->name, length) != 0 ||
		    (name[length] != '\0' && name[length] != ' ' && name[length] != '-'))
			continue;
		/* one name may stand for several sizes; the nearest is meant */
		if (best == NULL || strlen(best->name) < length ||
		    (strlen(best->name) == length &&
		     fabs(s->memory_gb - gb) < fabs(best->memory_gb - gb)))
			best = s;
	}
	return best;
}

const struct spec *spec_by_id(const char *id, size_t length)
{
	for (size_t i = 0; i < spec_count; i++) {
		const char *names[] = { spec_table[i].id, spec_table[i].alias };
		for (unsigned k = 0; k < 2; k++)
			if (strlen(names[k]) == length && strncmp(names[k], id, length) == 0)
				return &spec_table[i];
	}
	return NULL;
}

static const struct memory_kind {
	const char *name;
	double pin_low, pin_high;   /* Gbit/s of one line */
	double part_bits;	    /* width of one stack or chip */
	double part_low, part_high; /* GB of one */
} kinds[] = {
	{ "gddr5", 4.5, 9, 32, 0.45, 1.1 },  { "gddr5x", 8.9, 12, 32, 0.9, 2.1 },
	{ "gddr6", 10, 20, 32, 0.9, 4.2 },   { "hbm2", 1.4, 2.6, 1024, 3.9, 9 },
	{ "hbm2e", 2.4, 3.7, 1024, 15, 17 }, { "hbm3", 4.5, 6.6, 1024, 15, 25 },
	{ "hbm3e", 5.8, 9.3, 1024, 22, 37 },
};

static const struct generation {
	double cc, cores; /* fp32 units of an SM */
	double sms_low, sms_high;
} generations[] = {
	{ 3.7, 192, 13, 15 },	 { 5.2, 128, 8, 24 },	{ 6.1, 128, 5, 30 },
	{ 7.0, 64, 80, 84 },	 { 7.5, 64, 36, 72 },	{ 8.0, 64, 98, 108 },
	{ 8.6, 128, 48, 84 },	 { 8.9, 128, 48, 142 }, { 9.0, 128, 114, 132 },
	{ 10.0, 128, 144, 152 },
};

static int within(double value, double low, double high)
{
	return value >= low && value <= high; /* false for NaN */
}

static const char *implausible_memory(const struct spec *s)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct memory_kind *k = &kinds[i];
		if (strcmp(k->name, s->memory_kind) != 0)
			continue;
		double parts = s->bus_bits / k->part_bits;
		if (!within(s->bus_bits, 128, 8192) || fmod(s->bus_bits, k->part_bits) != 0)
			return "bus_bits";
		if (!within(s->gbs * 8 / s->bus_bits, k->pin_low, k->pin_high))
			return "gbs";
		/* clamshell boards have two chips on a line */
		if (!within(s->memory_gb / parts, k->part_low, k->part_high))
			return "memory_gb";
		return NULL;
	}
	return "memory_kind";
}

static const char *implausible_compute(const struct spec *s)
{
	for (size_t i = 0; i < sizeof(generations) / sizeof(*generations); i++) {
		const struct generation *g = &generations[i];
		if (fabs(g->cc - s->cc) > 0.01)
			continue;
		double flops = s->sms * g->cores * 2 * s->boost_mhz * 1e6;
		if (!within(s->sms, g->sms_low, g->sms_high))
			return "sms";
		if (!within(s->boost_mhz, 750, 2700))
			return "boost_mhz";
		if (!within(s->fp32_tflops * 1e12 / flops, 0.9, 1.1))
			return "fp32_tflops";
		return NULL;
	}
	return "cc";
}

const char *spec_implausible(const struct spec *s)
{
	const char *bad = implausible_memory(s);
	if (bad == NULL)
		bad = implausible_compute(s);
	if (bad != NULL)
		return bad;
	if (s->pcie_gen != 3 && s->pcie_gen != 4 && s->pcie_gen != 5)
		return "pcie_gen";
	if (s->pcie_width != 8 && s->pcie_width != 16)
		return "pcie_width";
	if (!within(s->expect_read, 0.5, 1))
		return "expect_read";
	if (!within(s->expect_write, 0.5, 1))
		return "expect_write";
	if (!within(s->expect_copy, 0.5, 1))
		return "expect_copy";
	if (!within(s->expect_fp32, 0.2, 1))
		return "expect_fp32";
	if (strcmp(s->rating, "measured") != 0 && strcmp(s->rating, "provisional") != 0)
		return "rating";
	return NULL;
}

enum severity spec_judge(const struct spec *s, double measured, double peak, double expected)
{
	double share = measured / (peak * expected);
	if (share >= 0.95)
		return SEVERITY_PASS;
	/* NaN ends here too */
	if (share >= 0.85 || s == NULL || strcmp(s->rating, "measured") != 0)
		return SEVERITY_WARN;
	return SEVERITY_FAIL;
}
