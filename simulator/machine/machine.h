/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The insides of simulated instances. simulator/cloud decides what lives; this boots it. Kinds:
 *   none  state only
 *   fake  a scripted boot: console output, nothing runs and nothing listens
 *   sshd  Debian's sshd, one "sshd -i" forked per connection, behind a listener on the instance's
 *         own loopback address (127.x.y.z made from its id) and the simulator's one claimed port
 *
 * User-data is "#cloud-config" and one JSON object (cloudinit.h), or gpucloud's own startup script
 * (guest_script.c): no other script is run, and the machine boots without it. Anything else is
 * refused and the boot fails, visibly in the console output. Nothing of it touches this computer: paths are below
 * the machine's own root folder, commands are shims, nothing runs as uid 0, nothing can gain rights.
 *
 * One process, the supervisor, is forked at machines_start() while the caller has no threads yet.
 * It owns everything that runs and every folder, and ends all of it when its socket closes: a
 * simulator that is killed leaves nothing either. Calls only send it orders and do not wait. Not for
 * concurrent use.
 */
#ifndef GPUCLOUD_SIMULATOR_MACHINE_MACHINE_H
#define GPUCLOUD_SIMULATOR_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct machines;

#define MACHINE_ID_MAX	    48
#define MACHINE_ADDRESS_MAX 16
#define MACHINE_CONSOLE_MAX ((size_t)64 << 10)

enum machine_kind {
	MACHINE_NONE,
	MACHINE_FAKE,
	MACHINE_SSHD,
};
const char *machine_kind_name(enum machine_kind kind);
int machine_kind_parse(const char *word, enum machine_kind *ret, struct error *err);
/* The best this computer can do: sshd where its programs are installed, else fake. */
enum machine_kind machine_kind_best(void);

/* Ways to be broken, as bits. */
enum {
	MACHINE_SWAP_HOST_KEY = 1, /* shows another host key than its own */
	MACHINE_HANG = 2,	   /* accepts connections and says nothing */
	MACHINE_REFUSE = 4,	   /* nothing listens */
	MACHINE_DISCONNECT = 8,	   /* cuts every connection it has, once */
};
/* "swap-host-key", "hang", "refuse", "disconnect", and "heal" for 0; -1: no such word. */
int machine_fault_parse(const char *word);

struct machines_config {
	enum machine_kind kind;
	const char *link; /* where to put a symbolic link to the machines' folder; NULL: nowhere */
	const char
		*fake_gpu;  /* folder of the fake driver's libraries, or NULL: machines have none */
	unsigned faults;    /* of every machine, from its boot on */
	unsigned addresses; /* so many addresses are given out, over and over; 0: all there are */
};

/* sshd's programs missing: ERROR_CONFIG, with what to install. */
int machines_start(const struct machines_config *config, struct machines **ret, struct error *err);
/* Ends and removes all of them, and waits until that is done. NULL is fine. */
void machines_free(struct machines *machines);
/* Removes what a simulator left behind whose supervisor was killed as well; and the link. */
void machines_clear(const char *link);
uint16_t machines_port(const struct machines *machines); /* 0: nothing listens */
int machines_fd(const struct machines *machines); /* readable: call machines_next_off; -1: never */

/* Who may connect, by IPv4 and to which ports: as security groups say it. */
struct machine_admit {
	uint16_t from, to;
	const char *cidr;
};
#define MACHINE_ADMITS_MAX 300

/* Strings are borrowed for the call. */
struct machine_boot {
	const char *id;	       /* "i-0123..." */
	const char *gpu;       /* "V100", or NULL: none */
	unsigned gpus;	       /* 0: none */
	unsigned gpu_mem_mib;  /* of each */
	const void *user_data; /* raw; len 0: none */
	size_t len;
	const char *public_key; /* a line for the login user's authorized_keys, or NULL */
	const char *login;	/* the image's default user; NULL: "ubuntu", and its like as well */
	bool guarded;		/* false: everybody may connect */
	const struct machine_admit *admits;
	size_t nr_admits; /* at most MACHINE_ADMITS_MAX */
};

/*
 * Boots a new machine, or one that was off, with its disk as it was. address: where its SSH will
 * answer, "" where none will (kinds none and fake).
 */
void machines_boot(struct machines *machines, const struct machine_boot *boot,
		   char address[MACHINE_ADDRESS_MAX]);
/* An id that is not known is ignored by these. */
void machines_reboot(struct machines *machines, const char *id);
void machines_halt(struct machines *machines, const char *id); /* off; its disk stays */
void machines_end(struct machines *machines, const char *id);  /* gone, with its disk */
/* Adds its last 64 KiB of console output; kept after its end. */
void machines_console(const struct machines *machines, const char *id, struct buf *out);
/* From now on those alone may connect; to everybody else it is as if nothing were there. */
void machines_admit(struct machines *machines, const char *id, const struct machine_admit *v,
		    size_t nr);
/* Time on the machines (their uptime) moves on. */
void machines_advance(struct machines *machines, int64_t ms);
/* faults replaces what was set before; id NULL: all of them, and those to come. */
void machines_fault(struct machines *machines, const char *id, unsigned faults);

/* One that powered itself off: false when there is none. at_ms: Unix ms. */
bool machines_next_off(struct machines *machines, char id[MACHINE_ID_MAX], int64_t *at_ms);

#endif
