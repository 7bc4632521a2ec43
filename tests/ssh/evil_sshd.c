/* SPDX-License-Identifier: Apache-2.0 */
#include "evil_sshd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/hmac.h>

#define BANNER "SSH-2.0-evil"

void evil_hang(void)
{
	for (;;)
		pause();
}

void evil_write(struct evil *evil, const void *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(evil->fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(0);
		data = (const char *)data + n;
		len -= (size_t)n;
	}
}

void evil_text(struct evil *evil, const char *text)
{
	evil_write(evil, text, strlen(text));
}

static void read_exactly(struct evil *evil, void *data, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(evil->fd, data, len, 0);

		if (n <= 0)
			_exit(0);
		data = (char *)data + n;
		len -= (size_t)n;
	}
}

void evil_read_banner(struct evil *evil)
{
	size_t len = 0;

	for (;;) {
		read_exactly(evil, evil->client_banner + len, 1);
		if (evil->client_banner[len] == '\n')
			break;
		if (++len >= sizeof(evil->client_banner))
			_exit(1);
	}
	if (len > 0 && evil->client_banner[len - 1] == '\r')
		len--;
	evil->client_banner[len] = '\0';
}

void evil_banners(struct evil *evil)
{
	evil_text(evil, BANNER "\r\n");
	evil_read_banner(evil);
}

static void mac_of(const unsigned char key[32], uint32_t seq, const void *data, size_t len,
		   unsigned char out[32])
{
	struct buf text = BUF_INIT;
	unsigned int n = 32;

	wire_put_u32(&text, seq);
	buf_add(&text, data, len);
	HMAC(EVP_sha256(), key, 32, (unsigned char *)text.data, text.len, out, &n);
	buf_release(&text);
}

void evil_send(struct evil *evil, const struct buf *payload)
{
	static unsigned char plain[300000], secret[300000];
	size_t block = evil->encrypted ? 16 : 8;
	size_t padding = block - (5 + payload->len) % block;
	unsigned char mac[32];
	int n = 0;

	if (padding < 4)
		padding += block;
	size_t total = 5 + payload->len + padding;
	wire_store_u32(plain, (uint32_t)(total - 4));
	plain[4] = (unsigned char)padding;
	memcpy(plain + 5, payload->data, payload->len);
	memset(plain + 5 + payload->len, 0, padding);
	if (evil->encrypted) {
		mac_of(evil->out_mac, evil->out_seq, plain, total, mac);
		EVP_EncryptUpdate(evil->out, secret, &n, plain, (int)total);
		memcpy(secret + total, mac, sizeof(mac));
		evil_write(evil, secret, total + sizeof(mac));
	} else {
		evil_write(evil, plain, total);
	}
	evil->out_seq++;
}

static void decrypt(struct evil *evil, unsigned char *data, size_t len)
{
	int n = 0;

	if (evil->encrypted)
		EVP_DecryptUpdate(evil->in, data, &n, data, (int)len);
}

size_t evil_recv(struct evil *evil)
{
	static unsigned char raw[70000];
	unsigned char mac[32];

	read_exactly(evil, raw, 16);
	decrypt(evil, raw, 16);
	struct wire wire = wire_of(raw, 5);
	uint32_t total = wire_u32(&wire);
	uint8_t padding = wire_u8(&wire);
	if (total < 12 || total > 60000 || padding + 1u > total)
		_exit(3);
	read_exactly(evil, raw + 16, total + 4 - 16);
	decrypt(evil, raw + 16, total + 4 - 16);
	if (evil->encrypted)
		read_exactly(evil, mac, sizeof(mac));
	evil->in_seq++;
	memcpy(evil->packet, raw + 5, total - padding - 1);
	if (write(evil->record, evil->packet, 1) != 1)
		_exit(4);
	return total - padding - 1;
}

size_t evil_expect(struct evil *evil, enum evil_msg type)
{
	size_t len;

	do {
		len = evil_recv(evil);
	} while (evil->packet[0] != type);
	return len;
}

void evil_put_kexinit(struct buf *payload, const char *names)
{
	static const char *const lists[10] = {
		"curve25519-sha256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256",
		"hmac-sha2-256",     "none",	    "none",	  "",		""
	};

	wire_put_u8(payload, MSG_KEXINIT);
	for (int i = 0; i < 16; i++)
		wire_put_u8(payload, (uint8_t)i);
	for (int i = 0; i < 10; i++)
		wire_put_text(payload, names ? names : lists[i]);
	wire_put_u8(payload, 0);
	wire_put_u32(payload, 0);
}

void evil_kexinits(struct evil *evil)
{
	evil_banners(evil);
	evil_put_kexinit(&evil->server_kexinit, NULL);
	evil_send(evil, &evil->server_kexinit);
	size_t len = evil_expect(evil, MSG_KEXINIT);
	buf_add(&evil->client_kexinit, evil->packet, len);
}

static void put_mpint(struct buf *out, const unsigned char *data, size_t len)
{
	while (len > 0 && data[0] == 0) {
		data++;
		len--;
	}
	bool pad = len > 0 && (data[0] & 0x80);
	wire_put_u32(out, (uint32_t)(len + pad));
	if (pad)
		wire_put_u8(out, 0);
	buf_add(out, data, len);
}

static void sha(const struct buf *text, unsigned char out[32])
{
	unsigned int n = 32;

	EVP_Digest(text->data, text->len, out, &n, EVP_sha256(), NULL);
}

static void derive(struct evil *evil, char letter, unsigned char out[32])
{
	struct buf text = BUF_INIT;

	buf_add(&text, evil->secret.data, evil->secret.len);
	buf_add(&text, evil->hash, 32);
	buf_addch(&text, letter);
	buf_add(&text, evil->session_id, 32);
	sha(&text, out);
	buf_release(&text);
}

static void switch_keys(struct evil *evil)
{
	unsigned char iv[32], key[32];

	evil->in = EVP_CIPHER_CTX_new();
	evil->out = EVP_CIPHER_CTX_new();
	derive(evil, 'A', iv);
	derive(evil, 'C', key);
	EVP_DecryptInit_ex(evil->in, EVP_aes_128_ctr(), NULL, key, iv);
	derive(evil, 'B', iv);
	derive(evil, 'D', key);
	EVP_EncryptInit_ex(evil->out, EVP_aes_128_ctr(), NULL, key, iv);
	derive(evil, 'E', evil->in_mac);
	derive(evil, 'F', evil->out_mac);
	evil->encrypted = true;
}

/* X25519 with a key of ours; ours and the shared secret come out. */
static void agree(const unsigned char *theirs, unsigned char ours[32], unsigned char shared[32])
{
	EVP_PKEY *mine = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, 32);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(mine, NULL);
	size_t len = 32;

	if (!mine || !peer || !ctx || EVP_PKEY_get_raw_public_key(mine, ours, &len) != 1 ||
	    EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1)
		_exit(5);
	len = 32;
	if (EVP_PKEY_derive(ctx, shared, &len) != 1)
		_exit(5);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(peer);
}

static void put_host_key(const struct evil *evil, enum evil_kex how, struct buf *out)
{
	struct buf blob = BUF_INIT;
	static const char huge[20000];

	wire_put_text(&blob, how == KEX_KEY_UNKNOWN ? "ssh-quantum" : "ssh-ed25519");
	if (how == KEX_KEY_TRUNCATED) {
		wire_put_u32(&blob, 32);
		buf_add(&blob, evil->host.public_key, 7);
	} else if (how == KEX_KEY_HUGE) {
		wire_put_string(&blob, huge, sizeof(huge));
	} else {
		wire_put_string(&blob, evil->host.public_key, 32);
	}
	wire_put_string(out, blob.data, blob.len);
	buf_release(&blob);
}

static void put_signature(const struct evil *evil, enum evil_kex how, struct buf *out)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, evil->host.seed, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char signature[64];
	size_t len = sizeof(signature);
	struct buf blob = BUF_INIT;

	if (!key || !ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, evil->hash, 32) != 1)
		_exit(6);
	if (how == KEX_BAD_SIGNATURE)
		signature[9] ^= 1;
	wire_put_text(&blob, "ssh-ed25519");
	wire_put_string(&blob, signature, how == KEX_SHORT_SIGNATURE ? 3 : 64);
	wire_put_string(out, blob.data, how == KEX_SHORT_SIGNATURE ? 8 : blob.len);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	buf_release(&blob);
}

void evil_kex(struct evil *evil, enum evil_kex how, bool newkeys)
{
	static const unsigned char zero[32], huge[9000];
	unsigned char ours[32], shared[32];
	struct buf text = BUF_INIT, key = BUF_INIT, reply = BUF_INIT;

	evil_kexinits(evil);
	size_t len = evil_expect(evil, MSG_KEX_INIT);
	struct wire wire = wire_of(evil->packet + 1, len - 1);
	struct wire_str point = wire_string(&wire);
	if (point.len != 32)
		_exit(7);
	agree((const unsigned char *)point.data, ours, shared);
	put_mpint(&evil->secret, shared, 32);
	put_host_key(evil, how, &key);

	wire_put_text(&text, evil->client_banner);
	wire_put_text(&text, BANNER);
	wire_put_string(&text, evil->client_kexinit.data, evil->client_kexinit.len);
	wire_put_string(&text, evil->server_kexinit.data, evil->server_kexinit.len);
	buf_add(&text, key.data, key.len);
	wire_put_string(&text, point.data, point.len);
	wire_put_string(&text, ours, 32);
	buf_add(&text, evil->secret.data, evil->secret.len);
	sha(&text, evil->hash);
	memcpy(evil->session_id, evil->hash, 32);

	wire_put_u8(&reply, MSG_KEX_REPLY);
	buf_add(&reply, key.data, key.len);
	wire_put_string(&reply,
			how == KEX_POINT_ZERO	? zero
			: how == KEX_POINT_HUGE ? huge
						: ours,
			how == KEX_POINT_EMPTY	 ? 0
			: how == KEX_POINT_SHORT ? 31
			: how == KEX_POINT_HUGE	 ? sizeof(huge)
						 : 32);
	put_signature(evil, how, &reply);
	evil_send(evil, &reply);
	if (newkeys) {
		buf_clear(&reply);
		wire_put_u8(&reply, MSG_NEWKEYS);
		evil_send(evil, &reply);
		evil_expect(evil, MSG_NEWKEYS);
		switch_keys(evil);
	}
	buf_release(&text);
	buf_release(&key);
	buf_release(&reply);
}

static void serve(int listen_fd, int record, const struct key_parts *host, evil_play play)
{
	static struct evil evil;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	evil.host = *host;
	evil.record = record;
	evil.client_kexinit = evil.server_kexinit = evil.secret = evil.sftp = (struct buf)BUF_INIT;
	const int on = 1;
	evil.fd = accept(listen_fd, NULL, NULL);
	setsockopt(evil.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	close(listen_fd);
	play(&evil);
	/* an honest end: nothing sent is lost by closing too early */
	shutdown(evil.fd, SHUT_WR);
	char drop[4096];
	while (recv(evil.fd, drop, sizeof(drop), 0) > 0)
		continue;
	_exit(0);
}

void evil_start(struct evil_server *server, const struct key_parts *host, evil_play play)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[2];

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	server->port = ntohs(addr.sin_port);
	server->record = fds[0];
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0) {
		close(fds[0]);
		serve(fd, fds[1], host, play);
	}
	close(fd);
	close(fds[1]);
}

void evil_stop(struct evil_server *server, unsigned char *types, size_t size, size_t *nr)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	*nr = 0;
	for (;;) {
		ssize_t n = read(server->record, types + *nr, size - 1 - *nr);

		if (n <= 0)
			break;
		*nr += (size_t)n;
	}
	types[*nr] = 0;
	close(server->record);
}
