/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to simulator/machine: the orders between simulator, supervisor and machines, and what one
 * machine's own process ("init") knows. Folders, for an instance i-1 in base folder B:
 *
 *   B/lib/                the fake GPU driver
 *   B/i-1/                owned by the machine's user
 *     root/               what it takes for "/": home/ubuntu, root, etc/ssh, var, tmp, proc, ...
 *     shims/ rootshims/   commands that stand before the real ones in PATH
 *     machine.sh          what the shims know: process, root folder, GPU
 *     sshd/               sshd_config, passwd, group, host_key (the one in use), auth.log
 *     console             what the machine wrote to its console
 */
#ifndef GPUCLOUD_SIMULATOR_MACHINE_GUEST_H
#define GPUCLOUD_SIMULATOR_MACHINE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "simulator/machine/machine.h"

struct cloudinit;

#define SSHD_PATH	 "/usr/sbin/sshd"
#define KEYGEN_PATH	 "/usr/bin/ssh-keygen"
#define SFTP_PATH	 "/usr/lib/openssh/sftp-server"
#define ORDER_DATA_MAX	 ((size_t)80 << 10) /* the most that a cloud takes is 64 KiB */
#define GUEST_LINKS_MAX	 128		    /* connections of one machine */
#define GUEST_LOGIN_USER "ubuntu"
#define GUEST_LOGIN_MAX	 33

enum order_kind {
	ORDER_BOOT = 1,
	ORDER_REBOOT,
	ORDER_HALT,
	ORDER_END,
	ORDER_FAULT,
	ORDER_ADVANCE,
	ORDER_ADMIT,
};

struct admitted {
	uint32_t net, mask; /* host's byte order */
};

/* One datagram, followed by the public key and the user-data. id "": to every machine. */
struct order {
	uint32_t kind;
	uint32_t faults;
	char id[MACHINE_ID_MAX], address[MACHINE_ADDRESS_MAX], gpu[32];
	char login[GUEST_LOGIN_MAX]; /* "": GUEST_LOGIN_USER, and other images' users */
	uint32_t gpus, gpu_mem_mib;
	int64_t ms;
	uint32_t key_len, data_len;
	uint32_t guarded, nr_admitted; /* of ORDER_BOOT and ORDER_ADMIT: who may connect */
	struct admitted admitted[MACHINE_ADMITS_MAX];
};

/* From the supervisor: that one is off. */
struct notice {
	char id[MACHINE_ID_MAX];
	int64_t at_ms;
};

struct supervisor_config {
	char base[64];	   /* the folder of all machines */
	char lib[128];	   /* the fake driver's libraries, or "" */
	char wrapper[256]; /* libnss_wrapper.so */
	uint16_t port;
	uid_t uid; /* what machines run as; where that is not who we are, we are root */
};
_Noreturn void supervisor_run(const struct supervisor_config *config, int fd);

struct guest_link { /* a connection */
	int fd;
	pid_t pid; /* its sshd; 0: nobody serves it */
};

enum guest_stage {
	GUEST_EARLY, /* bootcmd, files, keys: sshd is not up yet */
	GUEST_LATE,  /* units and runcmd: sshd is up */
	GUEST_UP,
	GUEST_FAILED, /* user-data was refused */
};

struct guest {
	const struct supervisor_config *config;
	struct order order;	/* the boot; terminated strings */
	const char *public_key; /* "" if none */
	const char *data;
	char *dir, *root, *console;
	const char *login; /* the image's default user */
	char *home;	   /* its folder, on this computer */
	char **env;	   /* of everything it runs */
	bool first;	   /* first boot of its disk */
	enum guest_stage stage;
	pid_t worker; /* what boots it */
	int control, signals, listener;
	unsigned faults;
	int64_t up_ms; /* monotonic time of the boot, less what was advanced since */
	struct guest_link links[GUEST_LINKS_MAX];
	size_t nr_links;
};

/* guest.c: becomes the machine; order and what follows it stay valid. Never returns. */
_Noreturn void guest_run(const struct supervisor_config *config, const struct order *order,
			 bool first, int control);

/* guest_net.c */
int guest_listen(struct guest *guest); /* as the faults have it: may close, too */
void guest_accept(struct guest *guest);
void guest_link_ended(struct guest *guest, pid_t pid);
void guest_cut_links(struct guest *guest);
void guest_drop_link(struct guest *guest, size_t i); /* a connection nobody serves has gone */

/* admit.c: those rules that concern the port, into the order; and whether a peer is among them. */
void admit_set(struct order *order, uint16_t port, const struct machine_admit *v, size_t nr);
bool admit_has(const struct order *order, uint32_t address); /* host's byte order */

/* guest_disk.c: -1 with a line on the console. */
int guest_make_disk(struct guest *guest);
int guest_write(const struct guest *guest, const char *path, const void *data, size_t len,
		mode_t mode); /* path on this computer; makes its folders */
char **guest_environment(const struct guest *guest);

/* guest_facts.c: what its kernel tells, written at every boot; and that cloud-init is through. */
int guest_make_facts(const struct guest *guest);
int guest_boot_done(const struct guest *guest);

/*
 * guest_script.c: user-data that is a script ("#!"). Only gpucloud's own is run, which is marked by
 * its second line and writes below GPUCLOUD_TTL_ROOT alone; of any other the console says so.
 */
bool guest_has_script(const char *data, size_t len);
void guest_run_script(const struct guest *guest);

/* guest_boot.c: run in a process of their own; the exit status. */
int guest_boot_early(struct guest *guest);
int guest_boot_late(struct guest *guest);
/* Runs argv with the machine's environment and output to its console; exit status or 128+signal. */
int guest_exec(const struct guest *guest, const char *const *argv);

/* console.c: one line, or lines, at the end of the console. */
void console_add(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void console_trim(const char *path);
void console_read(const char *path, struct buf *out); /* the last 64 KiB */
/* What cloud-init says of user-data before it does anything; the same for fake machines. */
void console_banner(struct buf *out, const char *id, const char *gpu, unsigned gpus);

/* process.c */
int process_drop(uid_t uid); /* root becomes that user; nobody gains rights after it */
void process_reset(void);    /* in a child: signals as a program expects them */
/* Ends and reaps every child but those of keep, and those that come to us as orphans meanwhile. */
void process_kill_children(const pid_t *keep, size_t nr);

/* tree.c: -1 with errno. Never follows a symbolic link. */
int tree_remove(const char *path);
int tree_copy_files(const char *from, const char *to); /* the regular files of one folder */

#endif
