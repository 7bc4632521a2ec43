/* SPDX-License-Identifier: Apache-2.0 */
/* Every number of the table is plausible, and no slip of a factor of ten would be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gpu-selftest/src/spec.h"

static void every_row_is_plausible(void **state)
{
	(void)state;
	assert_true(spec_count >= 16);
	for (size_t i = 0; i < spec_count; i++) {
		const char *bad = spec_implausible(&spec_table[i]);
		if (bad != NULL)
			fail_msg("%s: %s", spec_table[i].id, bad);
	}
}

#define NUMBER(member)                                 \
	{                                              \
#member, offsetof(struct spec, member) \
	}
static const struct {
	const char *name;
	size_t offset;
} numbers[] = {
	NUMBER(cc),	     NUMBER(sms),	  NUMBER(memory_gb),	NUMBER(bus_bits),
	NUMBER(gbs),	     NUMBER(fp32_tflops), NUMBER(boost_mhz),	NUMBER(pcie_gen),
	NUMBER(pcie_width),  NUMBER(expect_read), NUMBER(expect_write), NUMBER(expect_copy),
	NUMBER(expect_fp32),
};

static void no_slip_passes(void **state)
{
	const double factors[] = { 0.1, 10, 0.001, 1000, 0, -1 };
	(void)state;
	for (size_t i = 0; i < spec_count; i++) {
		for (size_t k = 0; k < sizeof(numbers) / sizeof(*numbers); k++) {
			for (size_t f = 0; f < sizeof(factors) / sizeof(*factors); f++) {
				struct spec row = spec_table[i];
				double value;
				char *at = (char *)&row + numbers[k].offset;
				memcpy(&value, at, sizeof(value));
				value *= factors[f];
				memcpy(at, &value, sizeof(value));
				if (spec_implausible(&row) == NULL)
					fail_msg("%s: %s times %g passes", row.id, numbers[k].name,
						 factors[f]);
			}
		}
	}
}

static void words_are_checked(void **state)
{
	struct spec row = spec_table[0];
	(void)state;
	row.memory_kind = "hbm9";
	assert_string_equal(spec_implausible(&row), "memory_kind");
	row = spec_table[0];
	row.rating = "good";
	assert_string_equal(spec_implausible(&row), "rating");
}

static void rows_are_found(void **state)
{
	const unsigned long long gib = 1ull << 30;
	static const struct {
		const char *name;
		unsigned gib;
		const char *id;
	} cases[] = {
		{ "Tesla V100-SXM2-16GB", 16, "v100-sxm2-16" },
		{ "Tesla V100-SXM2-32GB", 32, "v100-sxm2-32" },
		{ "Tesla V100-SXM2-16GB (simulated)", 16, "v100-sxm2-16" },
		{ "NVIDIA L4", 22, "l4" },
		{ "NVIDIA L40S", 45, "l40s" },
		{ "NVIDIA RTX 4000 Ada Generation", 20, "rtx4000-ada" },
		{ "NVIDIA RTX 6000 Ada Generation (simulated)", 48, "rtx6000-ada" },
		{ "NVIDIA RTX 4000 SFF Ada Generation", 20, NULL },
		{ "NVIDIA H100 80GB HBM3", 79, "h100-sxm" },
		{ "NVIDIA H100 PCIe", 79, "h100-pcie" },
		{ "NVIDIA H200", 140, "h200-sxm" },
		{ "NVIDIA A100 80GB PCIe", 79, "a100-pcie-80" },
		/* a slice of one is one, for its name */
		{ "NVIDIA A100-SXM4-80GB MIG 1g.10gb", 10, "a100-sxm-80" },
		{ "NVIDIA L40", 45, NULL },
		{ "NVIDIA L4X", 22, NULL },
		{ "Tesla", 16, NULL },
		{ "", 16, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct spec *s = spec_find(cases[i].name, cases[i].gib * gib);
		if (cases[i].id == NULL)
			assert_null(s);
		else
			assert_non_null(s);
		if (s != NULL)
			assert_string_equal(s->id, cases[i].id);
	}
	assert_ptr_equal(spec_by_id("V100", 4), spec_by_id("v100-sxm2-16", 12));
	assert_null(spec_by_id("V1000", 5));
	assert_null(spec_by_id("", 0));
}

static void speeds_are_judged_on_both_sides(void **state)
{
	struct spec measured = { .rating = "measured" }, provisional = { .rating = "provisional" };
	(void)state;
	/* expected 800 of 1000: warned below 760, failed below 680 */
	assert_int_equal(spec_judge(&measured, 760.1, 1000, 0.8), SEVERITY_PASS);
	assert_int_equal(spec_judge(&measured, 759.9, 1000, 0.8), SEVERITY_WARN);
	assert_int_equal(spec_judge(&measured, 680.1, 1000, 0.8), SEVERITY_WARN);
	assert_int_equal(spec_judge(&measured, 679.9, 1000, 0.8), SEVERITY_FAIL);
	assert_int_equal(spec_judge(&provisional, 1, 1000, 0.8), SEVERITY_WARN);
	assert_int_equal(spec_judge(NULL, 1, 1000, 0.8), SEVERITY_WARN);
	assert_int_equal(spec_judge(NULL, 900, 1000, 0.8), SEVERITY_PASS);
	/* no number is no speed */
	assert_int_equal(spec_judge(&measured, 0.0 / (double)(spec_count - spec_count), 1000, 0.8),
			 SEVERITY_FAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_plausible),
		cmocka_unit_test(no_slip_passes),
		cmocka_unit_test(words_are_checked),
		cmocka_unit_test(rows_are_found),
		cmocka_unit_test(speeds_are_judged_on_both_sides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
