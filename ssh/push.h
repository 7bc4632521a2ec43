/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ssh/ only: what the two halves of push share. */
#ifndef GPUCLOUD_SSH_PUSH_H
#define GPUCLOUD_SSH_PUSH_H

#include "ssh/sftp.h"
#include "ssh/tree.h"

struct push;
struct remote_progress;

#define PUSH_STRAYS_MAX 256

/* One file or link on its way. */
struct push_file {
	struct push *push;
	size_t index;
	int fd; /* -1: a symbolic link */
	mode_t mode;
	char *path, *temp;
	char *target; /* of a link */
	bool opened;  /* there is a handle */
	unsigned char handle[SFTP_HANDLE_MAX];
	size_t handle_len;
	uint64_t next, limit;
	bool unsized;	  /* it says 0 and may have more, as in /proc */
	unsigned pending; /* requests under way */
	bool read_all, closed;
};

struct push {
	struct sftp sftp;
	struct tree tree;
	int root_fd; /* the folder to copy, or the one file */
	char *root;  /* on the machine: the folder, or the one file's path */
	bool single;
	bool is_dir; /* what STAT said of it */
	struct push_file *files[SFTP_FILES];
	size_t active, next;
	uint64_t done_files, done_bytes;
	const struct remote_progress *progress;
	char *placed; /* the file put in place last, on the machine */
	/* what earlier pushes left behind when they were cut off */
	struct push_look *looks; /* folders being read */
	char *strays[PUSH_STRAYS_MAX];
	size_t nr_strays;
	uint32_t now; /* by the machine's clock */
	bool now_known;
};

/* Where an entry goes, malloc'ed. */
char *push_path(const struct push *push, size_t index);

/* Starts to copy a file or link. */
int push_file_start(struct push *push, size_t index, struct error *err);

/* Sends as much of it as there is room for. */
int push_file_feed(struct push_file *file, struct error *err);

void push_file_release(struct push_file *file);

/* Looks into a folder on the machine for what was left behind, beside whatever else is under way. */
void push_sweep_look(struct push *push, const char *folder);

/* Removes what was found, if it is old enough, once all else is done. Never fails a push. */
int push_sweep_remove(struct push *push, struct error *err);
void push_sweep_release(struct push *push);

#endif
