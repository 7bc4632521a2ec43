/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/serve/tls.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "core/error.h"

#define VALID_DAYS  30
#define SLACK_S	    3600 /* backwards: the clocks of a client may differ a little */
#define DAY_SECONDS 86400

static int failed(struct error *err, const char *what)
{
	char text[160];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	return error_set(err, ERROR_IO, "cannot make the simulator's certificate: %s: %s", what,
			 text);
}

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value, struct error *err)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	int ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension && X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	return ok ? 0 : failed(err, value);
}

/* A random serial: a browser or library that met an older one of ours must not confuse them. */
static int set_serial(X509 *cert)
{
	BIGNUM *n = BN_new();
	int ok = n && BN_rand(n, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		 BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));

	BN_free(n);
	return ok ? 0 : -1;
}

static int set_name(X509 *cert, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(cert);
	const unsigned char *cn = (const unsigned char *)common_name;
	const unsigned char *o = (const unsigned char *)"gpucloud simulator";

	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, o, -1, -1, 0) &&
			       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, cn, -1, -1, 0)
		       ? 0
		       : -1;
}

static X509 *new_cert(const char *common_name, EVP_PKEY *key, struct error *err)
{
	X509 *cert = X509_new();

	if (!cert || !X509_set_version(cert, X509_VERSION_3) || set_serial(cert) ||
	    set_name(cert, common_name) || !X509_gmtime_adj(X509_getm_notBefore(cert), -SLACK_S) ||
	    !X509_gmtime_adj(X509_getm_notAfter(cert), VALID_DAYS * DAY_SECONDS) ||
	    !X509_set_pubkey(cert, key)) {
		failed(err, common_name);
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static int sign(X509 *cert, X509 *issuer, EVP_PKEY *issuer_key, struct error *err)
{
	if (!X509_set_issuer_name(cert, X509_get_subject_name(issuer)) ||
	    !X509_sign(cert, issuer_key, EVP_sha256()))
		return failed(err, "signing");
	return 0;
}

static X509 *make_ca(EVP_PKEY *key, struct error *err)
{
	X509 *ca = new_cert("gpucloud-sim local authority", key, err);

	if (!ca)
		return NULL;
	if (add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0", err) ||
	    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign", err) ||
	    add_extension(ca, ca, NID_subject_key_identifier, "hash", err) ||
	    sign(ca, ca, key, err)) {
		X509_free(ca);
		return NULL;
	}
	return ca;
}

static X509 *make_server(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, struct error *err)
{
	X509 *cert = new_cert("localhost", key, err);

	if (!cert)
		return NULL;
	if (add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE", err) ||
	    add_extension(cert, ca, NID_key_usage, "critical,digitalSignature", err) ||
	    add_extension(cert, ca, NID_ext_key_usage, "serverAuth", err) ||
	    add_extension(cert, ca, NID_subject_alt_name, "IP:127.0.0.1,IP:::1,DNS:localhost",
			  err) ||
	    add_extension(cert, ca, NID_subject_key_identifier, "hash", err) ||
	    add_extension(cert, ca, NID_authority_key_identifier, "keyid", err) ||
	    sign(cert, ca, ca_key, err)) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static void take(BIO *bio, struct buf *out)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	buf_add(out, data, (size_t)n);
	(void)BIO_reset(bio);
}

static int write_pem(X509 *ca, X509 *cert, EVP_PKEY *key, struct tls_identity *ret,
		     struct error *err)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int rc = -1;

	if (bio && PEM_write_bio_X509(bio, ca)) {
		take(bio, &ret->ca);
		if (PEM_write_bio_X509(bio, cert) && PEM_write_bio_X509(bio, ca)) {
			take(bio, &ret->cert);
			if (PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) {
				take(bio, &ret->key);
				rc = 0;
			}
		}
	}
	BIO_free(bio);
	return rc ? failed(err, "writing") : 0;
}

int tls_identity_make(struct tls_identity *ret, struct error *err)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = NULL, *cert = NULL;
	int rc = -1;

	if (!ca_key || !key)
		failed(err, "key");
	else if ((ca = make_ca(ca_key, err)) && (cert = make_server(key, ca, ca_key, err)))
		rc = write_pem(ca, cert, key, ret, err);
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return rc;
}

void tls_identity_release(struct tls_identity *identity)
{
	buf_release(&identity->ca);
	buf_release(&identity->cert);
	buf_wipe(&identity->key);
}
