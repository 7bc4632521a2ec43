/* SPDX-License-Identifier: Apache-2.0 */
/* Who is trusted: certificates made here, served by libmicrohttpd on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <microhttpd.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/clock.h"
#include "core/http.h"
#include "core/mem.h"
#include "core/rng.h"

struct served {
	char folder[64];
	char ca_path[96]; /* the certificate is its own CA */
	char *key, *cert;
	struct MHD_Daemon *daemon;
	int port;
	int requests;
};

static enum MHD_Result answer(void *ctx, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_len, void **req_ctx)
{
	struct served *served = ctx;

	(void)url, (void)method, (void)version, (void)upload, (void)upload_len, (void)req_ctx;
	served->requests++;
	static char body[] = "ok";
	struct MHD_Response *response =
		MHD_create_response_from_buffer(2, body, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result rc = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return rc;
}

static char *pem_text(EVP_PKEY *key, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	if (key)
		assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	else
		assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	long len = BIO_get_mem_data(bio, &data);
	char *text = xstrndup(data, (size_t)len);
	BIO_free(bio);
	return text;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

static void make_certificate(struct served *served, const char *names, long from_s, long until_s)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
	X509_gmtime_adj(X509_getm_notAfter(cert), until_s);
	X509_set_pubkey(cert, key);
	X509_NAME *name = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1,
				   0);
	X509_set_issuer_name(cert, name);
	add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(cert, NID_subject_alt_name, names);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	served->key = pem_text(key, NULL);
	served->cert = pem_text(NULL, cert);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void serve(struct served *served, const char *names, long from_s, long until_s)
{
	memset(served, 0, sizeof(*served));
	snprintf(served->folder, sizeof(served->folder), "/tmp/gpucloud-tls-XXXXXX");
	assert_non_null(mkdtemp(served->folder));
	snprintf(served->ca_path, sizeof(served->ca_path), "%s/ca.pem", served->folder);
	make_certificate(served, names, from_s, until_s);
	FILE *file = fopen(served->ca_path, "w");
	assert_non_null(file);
	fputs(served->cert, file);
	fclose(file);
	served->daemon =
		MHD_start_daemon(MHD_USE_TLS | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
				 answer, served, MHD_OPTION_HTTPS_MEM_KEY, served->key,
				 MHD_OPTION_HTTPS_MEM_CERT, served->cert, MHD_OPTION_END);
	assert_non_null(served->daemon);
	served->port = MHD_get_daemon_info(served->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static void stop(struct served *served)
{
	MHD_stop_daemon(served->daemon);
	unlink(served->ca_path);
	rmdir(served->folder);
	free(served->key);
	free(served->cert);
}

static void test_who_is_trusted(void **state)
{
	static const struct {
		const char *name, *names, *host;
		long from_s, until_s;
		bool given, trusted; /* as ca_bundle */
	} cases[] = {
		{ "its CA is given", "DNS:localhost", "localhost", -60, 3600, true, true },
		{ "by address", "IP:127.0.0.1", "127.0.0.1", -60, 3600, true, true },
		{ "only the system's CAs", "DNS:localhost", "localhost", -60, 3600, false, false },
		{ "for another name", "DNS:example.com", "localhost", -60, 3600, true, false },
		{ "a name is no address", "DNS:localhost", "127.0.0.1", -60, 3600, true, false },
		{ "expired", "DNS:localhost", "localhost", -3600, -60, true, false },
		{ "not valid yet", "DNS:localhost", "localhost", 3600, 7200, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct served served;

		serve(&served, cases[i].names, cases[i].from_s, cases[i].until_s);
		struct http *http =
			http_new(http_transport_curl(&clock_system,
						     cases[i].given ? served.ca_path : NULL, NULL),
				 &clock_system, &rng_system);
		char *url = xasprintf("https://%s:%d/", cases[i].host, served.port);
		struct http_call call = { .request = { .method = "GET", .url = url } };

		int rc = http_send(http, &call);
		print_message("  %s: %s\n", cases[i].name, call.err.message);
		assert_int_equal(rc, cases[i].trusted ? 0 : -1);
		assert_int_equal(served.requests, cases[i].trusted ? 1 : 0);
		if (!cases[i].trusted) {
			assert_int_equal(call.err.kind, ERROR_NETWORK);
			assert_non_null(strstr(call.err.message, "is not trusted"));
			assert_non_null(strstr(call.err.hint,
					       cases[i].from_s > 0 || cases[i].until_s < 0
						       ? "check this computer's clock: it says 20"
						       : "AWS_CA_BUNDLE"));
			assert_int_equal(call.response.attempts, 1);
			assert_false(call.err.unknown);
			assert_false(call.err.retryable);
		}
		http_call_release(&call);
		http_free(http);
		free(url);
		stop(&served);
	}
}

static void test_a_server_without_tls(void **state)
{
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
						     answer, state, MHD_OPTION_END);
	assert_non_null(daemon);
	int port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	struct http *http = http_new(http_transport_curl(&clock_system, NULL, NULL), &clock_system,
				     &rng_system);
	char *url = xasprintf("https://127.0.0.1:%d/", port);
	struct http_call call = { .request = { .method = "GET", .url = url }, .max_attempts = 1 };

	assert_int_equal(http_send(http, &call), -1);
	assert_int_equal(call.err.kind, ERROR_NETWORK);
	assert_non_null(strstr(call.err.message, "TLS handshake with '127.0.0.1:"));
	assert_false(call.err.unknown);
	http_call_release(&call);
	http_free(http);
	free(url);
	MHD_stop_daemon(daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_trusted),
		cmocka_unit_test(test_a_server_without_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
