/* SPDX-License-Identifier: Apache-2.0 */
/* Address blocks and ports of a launch: what is one, what holds what, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "providers/ingress.h"
#include "providers/provider.h"

static struct ingress_block block_of(const char *text)
{
	struct ingress_block block;

	if (!ingress_block_read(text, &block))
		fail_msg("'%s' is no block", text);
	return block;
}

static void test_read(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"/0",
		"203.0.113.7",
		"203.0.113.7/",
		"203.0.113.7/33",
		"203.0.113.7/-1",
		"203.0.113.7/+8",
		"203.0.113.7/ 8",
		"203.0.113.7/8 ",
		"203.0.113.7/0008",
		"203.0.113.7/4294967304",
		"203.0.113/24",
		"203.0.113.256/32",
		"0313.0.113.7/32",
		" 203.0.113.7/32",
		"2001:db8::/129",
		"2001:db8:::/64",
		"2001:db8::%eth0/64",
		"2001:db8::1/64/64",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64",
		"localhost/8",
	};
	struct ingress_block block;

	(void)state;
	assert_false(ingress_block_read(NULL, &block));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (ingress_block_read(bad[i], &block))
			fail_msg("'%s' was taken for a block", bad[i]);
	block = block_of("203.0.113.7/032");
	assert_int_equal(block.bits, 32);
	assert_int_equal(block.most, 32);
	assert_memory_equal(block.address, "\xcb\x00\x71\x07", 4);
	block = block_of("2001:db8::/64");
	assert_int_equal(block.bits, 64);
	assert_int_equal(block.most, 128);
	assert_memory_equal(block.address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void test_holds(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool holds;
	} cases[] = {
		{ "0.0.0.0/0", "203.0.113.7/32", true },
		{ "0.0.0.0/0", "::/0", false },
		{ "::/0", "0.0.0.0/0", false },
		{ "::/0", "2001:db8::1/128", true },
		{ "203.0.113.0/24", "203.0.113.255/32", true },
		{ "203.0.113.0/24", "203.0.114.0/32", false },
		{ "203.0.113.0/25", "203.0.113.128/32", false },
		{ "203.0.113.128/25", "203.0.113.255/32", true },
		{ "203.0.113.7/32", "203.0.113.7/32", true },
		{ "203.0.113.7/32", "203.0.113.6/32", false },
		{ "203.0.113.7/32", "203.0.113.0/24", false }, /* some of it is not enough */
		{ "2001:db8::/33", "2001:db8:8000::/64", false },
		{ "2001:db8::/33", "2001:db8:7fff::/64", true },
		{ "203.0.113.9/29", "203.0.113.15/32", true }, /* what is behind the prefix */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ingress_block outer = block_of(cases[i].outer),
				     inner = block_of(cases[i].inner);

		if (ingress_block_holds(&outer, &inner) != cases[i].holds)
			fail_msg("%s holds %s", cases[i].outer, cases[i].inner);
	}
}

static void expect_refused(const struct launch_request *request, const char *says)
{
	struct error err = ERROR_INIT;

	assert_int_equal(ingress_check(request, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_string_equal(err.message, says);
}

static void test_check(void **state)
{
	static const char *const good[] = { "203.0.113.7/32", "0.0.0.0/0", "::/0", "10.1.2.3/8" };
	static const char *const world[] = { "203.0.113.7/32", "203.0.113.7/0" };
	static const char *const world6[] = { "2001:db8::/0" };
	static const char *const word[] = { "me" };
	static const uint16_t ports[] = { 8888, 6006 }, zero[] = { 8888, 0 };
	struct launch_request request = {
		.ssh_port = 22, .ports = ports, .nr_ports = 2, .from = good, .nr_from = 4
	};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(ingress_check(&request, &err), 0);
	request.from = world, request.nr_from = 2;
	expect_refused(&request, "'203.0.113.7/0' is no address block");
	request.from = world6, request.nr_from = 1;
	expect_refused(&request, "'2001:db8::/0' is no address block");
	request.from = word;
	expect_refused(&request, "'me' is no address block");
	request.nr_from = 0;
	assert_int_equal(ingress_check(&request, &err), 0);
	request.ports = zero;
	expect_refused(&request, "port 0 cannot be opened");
	request.nr_ports = 0;
	request.ssh_port = 0;
	expect_refused(&request, "port 0 cannot be opened");
}

/* Each port once, SSH's first. */
static void test_port(void **state)
{
	static const uint16_t ports[] = { 8888, 22, 8888, 6006, 6006 };
	static const uint16_t expected[] = { 22, 8888, 0, 0, 6006, 0 };
	const struct launch_request request = { .ssh_port = 22, .ports = ports, .nr_ports = 5 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_int_equal(ingress_port(&request, i), expected[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
