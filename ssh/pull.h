/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ssh/ only: what the parts of pull share. */
#ifndef GPUCLOUD_SSH_PULL_H
#define GPUCLOUD_SSH_PULL_H

#include "ssh/sftp.h"
#include "ssh/tree.h"

struct pull;
struct remote_progress;

/* One file or link on its way. */
struct pull_file {
	struct pull *pull;
	size_t index;
	int fd;	    /* of the file beside its target; -1: none */
	char *path; /* on the machine */
	char temp[40];
	bool made; /* there is a temp file to remove */
	bool opened;
	unsigned char handle[SFTP_HANDLE_MAX];
	size_t handle_len;
	uint64_t size, next;
	bool unsized; /* it says 0 and may have more, as in /proc */
	bool whole;   /* an unsized one has come to its end */
	unsigned pending;
	unsigned nr_small; /* answers that were much shorter than asked */
};

struct pull {
	struct sftp sftp;
	struct tree tree;
	int root_fd; /* the folder that entry 0 stands for */
	char *root;  /* its path on the machine, or the one file's */
	bool single;
	struct sftp_attrs attrs; /* of root */
	struct pull_file *files[SFTP_FILES];
	size_t active, next;
	uint64_t done_files, done_bytes;
	const struct remote_progress *progress;
	/* while listing: folders to read and names whose kind the listing did not tell */
	struct pull_queue {
		uint32_t *v;
		size_t nr, cap, next;
	} folders, unknown;
	size_t listing;
};

/* Where an entry comes from, malloc'ed. */
char *pull_path(const struct pull *pull, size_t index);

/* Fills the tree from the machine. */
int pull_list(struct pull *pull, struct error *err);

int pull_file_start(struct pull *pull, size_t index, struct error *err);
int pull_file_feed(struct pull_file *file, struct error *err);

/* Closes it, and removes what was half written. */
void pull_file_release(struct pull_file *file);

#endif
