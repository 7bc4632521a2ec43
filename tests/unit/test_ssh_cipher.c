/* SPDX-License-Identifier: Apache-2.0 */
/* AES-CTR made ahead: to the byte what OpenSSL's own gives, whatever the pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "ssh/cipher_ahead.h"

#define SIZE 40000

static const unsigned char key[16] = "a key of sixteen", other_key[16] = "and another one.";

static EVP_CIPHER_CTX *begin(const char *properties, const unsigned char *with,
			     const unsigned char *iv)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-CTR", properties);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	assert_non_null(cipher);
	assert_non_null(ctx);
	assert_int_equal(EVP_CipherInit_ex2(ctx, cipher, with, iv, 1, NULL), 1);
	EVP_CIPHER_free(cipher);
	return ctx;
}

/* As libssh2 does it: a call for each piece. */
static void run(EVP_CIPHER_CTX *ctx, unsigned char *data, size_t len, const unsigned int *pieces,
		size_t nr)
{
	for (size_t at = 0, i = 0; at < len; i++) {
		unsigned int n = pieces[i % nr];

		if (n > len - at)
			n = (unsigned int)(len - at);
		assert_int_equal(EVP_Cipher(ctx, data + at, data + at, n), n);
		at += n;
	}
}

static void fill(unsigned char *data)
{
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)(i * 7 + i / 251);
}

/* The counter's last bytes full, so that it carries over all sixteen. */
static const unsigned char ivs[][16] = {
	{ 0 },
	{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff },
	{ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xff, 0xff, 0xff, 0xfe },
};

static void test_same_bytes(void **state)
{
	static const unsigned int pieces[][4] = { { 16, 16, 16, 16 },
						  { 1, 15, 17, 4095 },
						  { 4096, 4097, 32, 5 },
						  { SIZE, SIZE, SIZE, SIZE } };
	static const unsigned int whole[] = { SIZE };
	static unsigned char ours[SIZE], theirs[SIZE];

	(void)state;
	for (size_t v = 0; v < sizeof(ivs) / sizeof(ivs[0]); v++)
		for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
			EVP_CIPHER_CTX *a = begin("provider=gpucloud", key, ivs[v]);
			EVP_CIPHER_CTX *b = begin("provider=default", key, ivs[v]);

			fill(ours);
			fill(theirs);
			run(a, ours, SIZE, pieces[p], 4);
			run(b, theirs, SIZE, whole, 1);
			assert_memory_equal(ours, theirs, SIZE);
			EVP_CIPHER_CTX_free(a);
			EVP_CIPHER_CTX_free(b);
		}
}

/* What was made ahead with one key or counter must not be used with the next. */
static void test_new_key(void **state)
{
	static const unsigned int pieces[] = { 16 };
	unsigned char ours[160] = { 0 }, theirs[160] = { 0 };
	EVP_CIPHER_CTX *a = begin("provider=gpucloud", key, ivs[0]);
	EVP_CIPHER_CTX *b = begin("provider=default", other_key, ivs[2]);

	(void)state;
	run(a, ours, 48, pieces, 1);
	memset(ours, 0, sizeof(ours));
	assert_int_equal(EVP_CipherInit_ex2(a, NULL, other_key, ivs[2], 1, NULL), 1);
	run(a, ours, sizeof(ours), pieces, 1);
	run(b, theirs, sizeof(theirs), pieces, 1);
	assert_memory_equal(ours, theirs, sizeof(ours));
	EVP_CIPHER_CTX_free(a);
	EVP_CIPHER_CTX_free(b);
}

/* What libssh2 asks for, by OpenSSL's old names, is what comes; and it turns back. */
static void test_comes_unawares(void **state)
{
	static const unsigned int pieces[] = { 16 };
	static unsigned char data[SIZE], plain[SIZE];
	EVP_CIPHER_CTX *there = EVP_CIPHER_CTX_new(), *back = EVP_CIPHER_CTX_new();

	(void)state;
	assert_int_equal(EVP_CipherInit(there, EVP_aes_128_ctr(), key, ivs[1], 1), 1);
	assert_int_equal(EVP_CipherInit(back, EVP_aes_128_ctr(), key, ivs[1], 0), 1);
	assert_string_equal(OSSL_PROVIDER_get0_name(
				    EVP_CIPHER_get0_provider(EVP_CIPHER_CTX_get0_cipher(there))),
			    "gpucloud");
	fill(plain);
	fill(data);
	run(there, data, SIZE, pieces, 1);
	assert_memory_not_equal(data, plain, SIZE);
	run(back, data, SIZE, pieces, 1);
	assert_memory_equal(data, plain, SIZE);
	EVP_CIPHER_CTX_free(there);
	EVP_CIPHER_CTX_free(back);
}

/* All else stays OpenSSL's: random numbers, hashes, the other sizes of key. */
static void test_all_else_is_theirs(void **state)
{
	EVP_CIPHER *wide = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	EVP_MD *hash = EVP_MD_fetch(NULL, "SHA256", NULL);

	(void)state;
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(wide)), "default");
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(hash)), "default");
	EVP_CIPHER_free(wide);
	EVP_MD_free(hash);
}

static int install(void **state)
{
	(void)state;
	return cipher_ahead_install();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_new_key),
		cmocka_unit_test(test_comes_unawares),
		cmocka_unit_test(test_all_else_is_theirs),
	};

	return cmocka_run_group_tests(tests, install, NULL);
}
