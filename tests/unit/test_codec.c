/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/mem.h"
#include "core/rng.h"

static void test_digests(void **state)
{
	(void)state;
	static const struct {
		const char *text, *sha256, *sha1;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		  "a9993e364706816aba3e25717850c26c9cd0d89d" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char hex[SHA256_HEX_MAX];
		char hex1[SHA1_HEX_MAX];

		sha256_hex(rows[i].text, strlen(rows[i].text), hex);
		assert_string_equal(hex, rows[i].sha256);
		sha1_hex(rows[i].text, strlen(rows[i].text), hex1);
		assert_string_equal(hex1, rows[i].sha1);
	}

	unsigned char raw[SHA256_LEN];
	struct buf hex = BUF_INIT;

	sha256(NULL, 0, raw);
	hex_encode(&hex, raw, sizeof(raw));
	assert_string_equal(hex.data, rows[0].sha256);
	buf_release(&hex);
}

/* RFC 4231, test cases 1, 2, 3 and 6 (a key longer than a block), and an empty key. */
static void test_hmac(void **state)
{
	(void)state;
	unsigned char key1[20], key3[20], key6[131], data3[50];

	memset(key1, 0x0b, sizeof(key1));
	memset(key3, 0xaa, sizeof(key3));
	memset(key6, 0xaa, sizeof(key6));
	memset(data3, 0xdd, sizeof(data3));

	const char *long_text = "Test Using Larger Than Block-Size Key - Hash Key First";
	const struct {
		const void *key;
		size_t key_len;
		const void *data;
		size_t len;
		const char *mac;
	} rows[] = {
		{ key1, sizeof(key1), "Hi There", 8,
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "Jefe", 4, "what do ya want for nothing?", 28,
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ key3, sizeof(key3), data3, sizeof(data3),
		  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ key6, sizeof(key6), long_text, strlen(long_text),
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ NULL, 0, "", 0,
		  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned char mac[SHA256_LEN];
		struct buf hex = BUF_INIT;

		hmac_sha256(rows[i].key, rows[i].key_len, rows[i].data, rows[i].len, mac);
		hex_encode(&hex, mac, sizeof(mac));
		assert_string_equal(hex.data, rows[i].mac);
		buf_release(&hex);
	}
}

static void test_bytes_equal(void **state)
{
	(void)state;
	assert_true(bytes_equal("abcd", "abcd", 4));
	assert_true(bytes_equal("abcd", "abcx", 3));
	assert_true(bytes_equal("a", "b", 0));
	assert_false(bytes_equal("abcd", "abcx", 4));
	assert_false(bytes_equal("xbcd", "abcd", 4));
}

/* RFC 4648, section 10 (base32 in our lower case, without padding). */
static void test_base_encodings(void **state)
{
	(void)state;
	static const struct {
		const char *text, *base64, *base32;
	} rows[] = {
		{ "", "", "" },
		{ "f", "Zg==", "my" },
		{ "fo", "Zm8=", "mzxq" },
		{ "foo", "Zm9v", "mzxw6" },
		{ "foob", "Zm9vYg==", "mzxw6yq" },
		{ "fooba", "Zm9vYmE=", "mzxw6ytb" },
		{ "foobar", "Zm9vYmFy", "mzxw6ytboi" },
		{ "\xfb\xff\xfe", "+//+", "7p774" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf out = BUF_INIT;
		struct buf back = BUF_INIT;

		base64_encode(&out, rows[i].text, strlen(rows[i].text));
		assert_string_equal(out.data, rows[i].base64);
		assert_int_equal(base64_decode(&back, out.data, out.len), 0);
		assert_string_equal(back.data, rows[i].text);
		buf_clear(&out);
		base32_encode(&out, rows[i].text, strlen(rows[i].text));
		assert_string_equal(out.data, rows[i].base32);
		buf_release(&out);
		buf_release(&back);
	}
}

static void test_base64_refuses(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"Z",	"Zg",	"Zg=",	"Zg===",    "=",	 "====",
		"Z===", "=Zg=", "Zg=v", "Zm9v Zg=", "Zm9v\nZg=", "Zm9-",
		"Zm9_", "Zh==", "Zm9=", "Zm\x80v",  "Zg==Zg==",
	};
	struct buf out = BUF_INIT;

	buf_addstr(&out, "kept");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (base64_decode(&out, bad[i], strlen(bad[i])) != -1)
			fail_msg("accepted '%s'", bad[i]);
		assert_string_equal(out.data, "kept");
	}
	assert_int_equal(base64_decode(&out, "Zm\0v", 4), -1);
	assert_string_equal(out.data, "kept");
	buf_release(&out);
}

static void test_decoders_respect_ceiling(void **state)
{
	(void)state;
	struct buf out = BUF_INIT_MAX(3);

	assert_int_equal(base64_decode(&out, "Zm9v", 4), 0);
	buf_clear(&out);
	assert_int_equal(base64_decode(&out, "Zm9vYg==", 8), -1);
	assert_int_equal(out.len, 0);
	assert_true(out.overflow);
	buf_release(&out);

	struct buf url = BUF_INIT_MAX(3);

	assert_int_equal(url_decode(&url, "%41bc", 5, false), 0);
	assert_string_equal(url.data, "Abc");
	assert_int_equal(url_decode(&url, "d", 1, false), -1);
	assert_string_equal(url.data, "Abc");
	buf_release(&url);
}

static void test_url_encode(void **state)
{
	(void)state;
	static const struct {
		const char *text, *all, *slash;
	} rows[] = {
		{ "", "", "" },
		{ "AZaz09-._~", "AZaz09-._~", "AZaz09-._~" },
		{ "a/b c+d", "a%2Fb%20c%2Bd", "a/b%20c%2Bd" },
		{ "%41", "%2541", "%2541" },
		{ "\xe1\x88\xb4*'()!@:&=?#[]", "%E1%88%B4%2A%27%28%29%21%40%3A%26%3D%3F%23%5B%5D",
		  "%E1%88%B4%2A%27%28%29%21%40%3A%26%3D%3F%23%5B%5D" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf out = BUF_INIT;

		url_encode(&out, rows[i].text, strlen(rows[i].text), false);
		assert_string_equal(out.data, rows[i].all);
		buf_clear(&out);
		url_encode(&out, rows[i].text, strlen(rows[i].text), true);
		assert_string_equal(out.data, rows[i].slash);
		buf_release(&out);
	}

	struct buf out = BUF_INIT;

	url_encode(&out, "a\0b", 3, false);
	assert_string_equal(out.data, "a%00b");
	buf_release(&out);
}

static void test_url_decode(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool plus;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ "", false, "" },
		{ "a%2fB%2F", false, "a/B/" },
		{ "a+b", false, "a+b" },
		{ "a+b%2B", true, "a b+" },
		{ "%e1%88%B4", false, "\xe1\x88\xb4" },
		{ "%", false, NULL },
		{ "a%2", false, NULL },
		{ "%zz", false, NULL },
		{ "%2g", false, NULL },
		{ "%00", false, NULL },
		{ "ok%00", false, NULL },
		{ "%+1", true, NULL },
		{ "%25%32%35", false, "%25" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf out = BUF_INIT;
		int rc = url_decode(&out, rows[i].text, strlen(rows[i].text), rows[i].plus);

		assert_int_equal(rc, rows[i].want ? 0 : -1);
		assert_string_equal(out.data, rows[i].want ? rows[i].want : "");
		buf_release(&out);
	}

	struct buf out = BUF_INIT;

	assert_int_equal(url_decode(&out, "a\0b", 3, false), -1);
	buf_release(&out);
}

static void test_round_trips(void **state)
{
	(void)state;
	struct rng_seeded seed;
	struct rng rng = rng_seeded(&seed, 7);

	for (size_t round = 0; round < 500; round++) {
		char data[64];
		size_t n = (size_t)rng_below(&rng, sizeof(data));
		struct buf text = BUF_INIT;
		struct buf back = BUF_INIT;

		rng.fill(rng.ctx, data, sizeof(data));
		base64_encode(&text, data, n);
		assert_int_equal(base64_decode(&back, text.data, text.len), 0);
		assert_int_equal(back.len, n);
		assert_memory_equal(back.data, data, n);

		for (size_t i = 0; i < n; i++)
			data[i] = data[i] ? data[i] : 'x';
		buf_clear(&text);
		buf_clear(&back);
		url_encode(&text, data, n, round % 2);
		assert_int_equal(url_decode(&back, text.data, text.len, true), 0);
		assert_int_equal(back.len, n);
		assert_memory_equal(back.data, data, n);
		buf_release(&text);
		buf_release(&back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_bytes_equal),
		cmocka_unit_test(test_base_encodings),
		cmocka_unit_test(test_base64_refuses),
		cmocka_unit_test(test_decoders_respect_ceiling),
		cmocka_unit_test(test_url_encode),
		cmocka_unit_test(test_url_decode),
		cmocka_unit_test(test_round_trips),
	};

	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
