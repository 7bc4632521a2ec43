/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's side: which machines there are, at what addresses, and orders to the supervisor. */
#include "simulator/machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/machine/cloudinit.h"
#include "simulator/machine/guest.h"
#include "simulator/machine/machines_internal.h"

static const struct {
	const char *word;
	int bits;
} faults[] = { { "swap-host-key", MACHINE_SWAP_HOST_KEY },
	       { "hang", MACHINE_HANG },
	       { "refuse", MACHINE_REFUSE },
	       { "disconnect", MACHINE_DISCONNECT },
	       { "heal", 0 } };

int machine_fault_parse(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(faults[i].word, word) == 0)
			return faults[i].bits;
	}
	return -1;
}

static const char *const kind_names[] = { "none", "fake", "sshd" };

const char *machine_kind_name(enum machine_kind kind)
{
	return kind_names[kind];
}

int machine_kind_parse(const char *word, enum machine_kind *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
		if (strcmp(kind_names[i], word) == 0) {
			*ret = (enum machine_kind)i;
			return 0;
		}
	}
	error_set(err, ERROR_USAGE, "'%.40s' is no kind of machine", word);
	return error_hint(err, "none, fake or sshd");
}

static struct machine_record *find(const struct machines *machines, const char *id)
{
	for (size_t i = 0; i < machines->nr; i++) {
		if (strcmp(machines->v[i].id, id) == 0)
			return &machines->v[i];
	}
	return NULL;
}

static bool address_taken(const struct machines *machines, const char *address)
{
	for (size_t i = 0; i < machines->nr; i++) {
		if (!machines->v[i].ended && strcmp(machines->v[i].address, address) == 0)
			return true;
	}
	return false;
}

/* 127.16.0.1 to 127.239.255.254, by the id; the next free one where two ids meet. */
static void give_address(const struct machines *machines, struct machine_record *record)
{
	char address[MACHINE_ADDRESS_MAX] = "";
	unsigned char hash[SHA256_LEN];
	uint64_t space = 224 * 256 * 254, n = 0;

	if (machines->addresses && machines->addresses < space)
		space = machines->addresses;
	sha256(record->id, strlen(record->id), hash);
	for (size_t i = 0; i < 7; i++)
		n = n << 8 | hash[i];
	for (uint64_t tries = 0; tries < space; tries++, n++) {
		unsigned at = (unsigned)(n % space);

		snprintf(address, sizeof(address), "127.%u.%u.%u", 16 + at / (256 * 254) % 224,
			 at / 254 % 256, 1 + at % 254);
		if (!address_taken(machines, address))
			break;
	}
	memcpy(record->address, address, sizeof(record->address));
}

static void send_order(const struct machines *machines, struct order *order, const char *key,
		       const void *data)
{
	struct iovec parts[] = { { order, sizeof(*order) },
				 { (void *)(uintptr_t)key, order->key_len },
				 { (void *)(uintptr_t)data, order->data_len } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };

	if (machines->fd < 0)
		return;
	/* one that has gone away ended all machines: nothing is left to be told */
	while (sendmsg(machines->fd, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void order_of(struct order *order, enum order_kind kind, const char *id)
{
	*order = (struct order){ .kind = (uint32_t)kind };
	snprintf(order->id, sizeof(order->id), "%s", id ? id : "");
}

/* What a machine would say if there were one. */
static void boot_fake(struct machine_record *record, const struct machine_boot *boot)
{
	struct cloudinit cloudinit = { 0 };
	bool script = guest_has_script(boot->user_data, boot->len);
	struct error err = ERROR_INIT;

	console_banner(&record->console, boot->id, boot->gpu ? boot->gpu : "", boot->gpus);
	buf_addch(&record->console, '\n');
	if (!script && cloudinit_parse(boot->user_data, boot->len, &cloudinit, &err)) {
		buf_addstr(&record->console, "cloud-init: user-data is refused: ");
		text_escape(&record->console, err.message, strlen(err.message));
		buf_addstr(&record->console, "\n[FAILED] Failed to start cloud-init.service: this "
					     "simulated machine does not boot.\n");
		return;
	}
	buf_addf(&record->console, "%s (simulated): finished; nothing runs here\n",
		 script ? "startup script" : "cloud-init");
	if (cloudinit.host_public)
		buf_addf(&record->console,
			 "-----BEGIN SSH HOST KEY KEYS-----\n%s\n"
			 "-----END SSH HOST KEY KEYS-----\n",
			 cloudinit.host_public);
	buf_addf(&record->console, "\n%s login:\n", boot->id);
	cloudinit_release(&cloudinit);
}

static struct machine_record *record_of(struct machines *machines, const char *id)
{
	struct machine_record *record = find(machines, id);
	const struct machine_record fresh = { .console = BUF_INIT_MAX(MACHINE_CONSOLE_MAX) };

	if (record)
		return record;
	machines->v = xgrow(machines->v, machines->nr, &machines->cap, sizeof(*machines->v));
	record = &machines->v[machines->nr++];
	*record = fresh;
	snprintf(record->id, sizeof(record->id), "%s", id);
	return record;
}

void machines_boot(struct machines *machines, const struct machine_boot *boot,
		   char address[MACHINE_ADDRESS_MAX])
{
	size_t key_len = boot->public_key ? strlen(boot->public_key) : 0;
	const char *login = boot->login ? boot->login : "";
	struct machine_record *record;
	struct order order;

	address[0] = '\0';
	/* ids and users become names of folders; sizes are the cloud's to check, and end here */
	if (!text_is_token(boot->id, "-", MACHINE_ID_MAX - 1) ||
	    (*login && !text_is_token(login, "-_", GUEST_LOGIN_MAX - 1)) ||
	    key_len + boot->len > ORDER_DATA_MAX || machines->kind == MACHINE_NONE)
		return;
	record = record_of(machines, boot->id);
	if (machines->kind == MACHINE_FAKE) {
		boot_fake(record, boot);
		return;
	}
	if (!record->address[0])
		give_address(machines, record);
	memcpy(address, record->address, sizeof(record->address));
	order_of(&order, ORDER_BOOT, boot->id);
	order.faults = machines->faults;
	memcpy(order.address, record->address, sizeof(record->address));
	snprintf(order.gpu, sizeof(order.gpu), "%s", boot->gpu ? boot->gpu : "");
	snprintf(order.login, sizeof(order.login), "%s", login);
	order.gpus = boot->gpu ? boot->gpus : 0;
	order.gpu_mem_mib = boot->gpu_mem_mib;
	order.key_len = (uint32_t)key_len;
	order.data_len = (uint32_t)boot->len;
	if (boot->guarded)
		admit_set(&order, machines->config.port, boot->admits, boot->nr_admits);
	send_order(machines, &order, boot->public_key, boot->user_data);
}

static void command(struct machines *machines, enum order_kind kind, const char *id)
{
	struct machine_record *record = find(machines, id);
	struct order order;

	if (!record || record->ended)
		return;
	order_of(&order, kind, id);
	send_order(machines, &order, NULL, NULL);
}

void machines_reboot(struct machines *machines, const char *id)
{
	command(machines, ORDER_REBOOT, id);
}

void machines_halt(struct machines *machines, const char *id)
{
	command(machines, ORDER_HALT, id);
}

void machines_end(struct machines *machines, const char *id)
{
	struct machine_record *record = find(machines, id);
	struct buf last = BUF_INIT;

	if (!record || record->ended)
		return;
	if (machines->kind == MACHINE_SSHD) {
		machines_console(machines, id, &last);
		buf_clear(&record->console);
		buf_add(&record->console, last.data, last.len);
		buf_release(&last);
	}
	command(machines, ORDER_END, id);
	record->ended = true;
}

void machines_console(const struct machines *machines, const char *id, struct buf *out)
{
	const struct machine_record *record = find(machines, id);
	char *path;

	if (!record)
		return;
	if (record->ended || machines->kind != MACHINE_SSHD) {
		buf_add(out, record->console.data, record->console.len);
		return;
	}
	path = xasprintf("%s/%s/console", machines->config.base, id);
	console_read(path, out);
	free(path);
}

void machines_advance(struct machines *machines, int64_t ms)
{
	struct order order;

	order_of(&order, ORDER_ADVANCE, NULL);
	order.ms = ms;
	send_order(machines, &order, NULL, NULL);
}

void machines_admit(struct machines *machines, const char *id, const struct machine_admit *v,
		    size_t nr)
{
	struct machine_record *record = find(machines, id);
	struct order order;

	if (!record || record->ended)
		return;
	order_of(&order, ORDER_ADMIT, id);
	admit_set(&order, machines->config.port, v, nr);
	send_order(machines, &order, NULL, NULL);
}

void machines_fault(struct machines *machines, const char *id, unsigned bits)
{
	struct order order;

	order_of(&order, ORDER_FAULT, id);
	order.faults = bits;
	if (!id)
		machines->faults = bits & ~(unsigned)MACHINE_DISCONNECT;
	send_order(machines, &order, NULL, NULL);
}

int machines_fd(const struct machines *machines)
{
	return machines->fd;
}

uint16_t machines_port(const struct machines *machines)
{
	return machines->config.port;
}

bool machines_next_off(struct machines *machines, char id[MACHINE_ID_MAX], int64_t *at_ms)
{
	struct notice notice;
	ssize_t n;

	if (machines->fd < 0)
		return false;
	do {
		n = recv(machines->fd, &notice, sizeof(notice), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(notice)) {
		if (n >= 0) /* the supervisor was killed */
			machines_close(machines);
		return false;
	}
	memcpy(id, notice.id, MACHINE_ID_MAX);
	id[MACHINE_ID_MAX - 1] = '\0';
	*at_ms = notice.at_ms;
	return true;
}
