/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpu-selftest/src/digits.h"
#include "gpu-selftest/src/json.h"
#include "gpu-selftest/src/lenet.h"
#include "gpu-selftest/src/machine.h"
#include "gpu-selftest/src/record.h"
#include "gpu-selftest/src/sha256.h"

/* FIPS 180-4's examples, and the lengths around a block's end. */
static void sha256_of_known_texts(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *hex;
	} cases[] = {
		{ "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char hex[65], *million = malloc(1000000);
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sha256_hex(cases[i].text, cases[i].length, hex);
		assert_string_equal(hex, cases[i].hex);
	}
	assert_non_null(million);
	memset(million, 'a', 1000000);
	sha256_hex(million, 1000000, hex);
	assert_string_equal(hex,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	sha256_hex(million, 55, hex);
	assert_string_equal(hex,
			    "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	sha256_hex(million, 64, hex);
	assert_string_equal(hex,
			    "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
	free(million);
}

static void json_is_escaped_and_parted(void **state)
{
	struct json j = { 0 };
	(void)state;
	json_open(&j, NULL, '{');
	json_string(&j, "a\"b", "\\ \x1b[2J \xff\n");
	json_open(&j, "list", '[');
	json_int(&j, NULL, -3);
	json_bool(&j, NULL, true);
	json_null(&j, NULL);
	json_real(&j, NULL, 1.25, 1);
	json_real(&j, NULL, NAN, 1);
	json_real(&j, NULL, -INFINITY, 1);
	json_hex(&j, NULL, UINT64_MAX);
	json_close(&j, ']');
	json_raw(&j, "");
	json_raw(&j, "\"raw\":1");
	json_open(&j, "empty", '{');
	json_close(&j, '}');
	json_close(&j, '}');
	assert_string_equal(j.text, "{\"a\\\"b\":\"\\\\ \\u001b[2J \\u00ff\\u000a\",\"list\":[-3,"
				    "true,null,1.2,null,null,\"0xffffffffffffffff\"],\"raw\":1,"
				    "\"empty\":{}}");
	json_release(&j);
	assert_null(j.text);
}

static void severities_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < SEVERITY_COUNT; i++)
		assert_int_equal(severity_from(severity_name((enum severity)i)), i);
	assert_int_equal(severity_from("bad"), -1);
	/* a known fault outweighs what could not be looked at */
	assert_true(SEVERITY_FAIL > SEVERITY_UNKNOWN && SEVERITY_UNKNOWN > SEVERITY_WARN);
}

static void bus_ids_of_all_writers_agree(void **state)
{
	(void)state;
	assert_true(machine_same_bus_id("0000:3b:00.0", "00000000:3B:00.0"));
	assert_false(machine_same_bus_id("0000:3b:00.0", "0001:3b:00.0"));
	assert_false(machine_same_bus_id("0000:3b:00.0", "0000:3b:00.1"));
	assert_false(machine_same_bus_id("0000:3b:00.0", ""));
	assert_false(machine_same_bus_id("x", "x"));
}

static void digits_are_of_all_kinds_and_steady(void **state)
{
	float a[DIGITS_PIXELS], b[DIGITS_PIXELS];
	unsigned seen[10] = { 0 };
	(void)state;
	for (uint64_t i = 0; i < 2000; i++) {
		int digit = digits_make(i, a);
		assert_in_range(digit, 0, 9);
		seen[digit]++;
		assert_int_equal(digits_make(i, b), digit);
		assert_memory_equal(a, b, sizeof(a));
		for (unsigned p = 0; p < DIGITS_PIXELS; p++)
			assert_true(a[p] >= -0.5f && a[p] <= 2.0f);
	}
	for (unsigned d = 0; d < 10; d++)
		assert_in_range(seen[d], 140, 260);
}

static void training_ends_with_the_known_bits(void **state)
{
	const unsigned steps[] = { LENET_STEPS_SHORT, LENET_STEPS_QUICK };
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct engine e;
		struct lenet_result result;
		unsigned threads;
		assert_int_equal(engine_cpu_open(&e, &threads), 0);
		assert_int_equal(lenet_train(&e, steps[i], &result), 0);
		assert_true(result.match);
		assert_true(result.last_loss < result.first_loss);
		engine_cpu_close(&e);
	}
}

/* One more step is another training: it must not match, and knows no constant. */
static void another_length_is_not_known(void **state)
{
	struct engine e;
	struct lenet_result result;
	unsigned threads;
	(void)state;
	assert_int_equal(engine_cpu_open(&e, &threads), 0);
	assert_int_equal(lenet_train(&e, LENET_STEPS_SHORT + 1, &result), 0);
	assert_false(result.match);
	engine_cpu_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_of_known_texts),
		cmocka_unit_test(json_is_escaped_and_parted),
		cmocka_unit_test(severities_have_names),
		cmocka_unit_test(bus_ids_of_all_writers_agree),
		cmocka_unit_test(digits_are_of_all_kinds_and_steady),
		cmocka_unit_test(training_ends_with_the_known_bits),
		cmocka_unit_test(another_length_is_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
