/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tags would say, where a cloud keeps none: the labels of a launch, in the journal. A launch
 * needs no row for that: it may be another computer's. They go with the launch's row, or, where it
 * has none, with journal_finish.
 */
#ifndef GPUCLOUD_FLEET_JOURNAL_LABEL_H
#define GPUCLOUD_FLEET_JOURNAL_LABEL_H

#include <stddef.h>

#include "core/arena.h"

struct error;
struct journal;
struct tag;

/* Whose: as launch_row.provider and .account. */
struct label_scope {
	const char *provider, *account;
};

struct label_row {
	const char *launch_id, *key, *value;
};

struct label_rows {
	struct arena arena;
	struct label_row *v; /* sorted by launch, then key, by their bytes */
	size_t nr;
};
void label_rows_release(struct label_rows *rows);

/* Of all launches of that scope: one read. */
int journal_labels(struct journal *journal, const struct label_scope *scope, struct label_rows *ret,
		   struct error *err);

/* Durable when it returns. */
int journal_label_set(struct journal *journal, const struct label_scope *scope,
		      const char *launch_id, const struct tag *tag, struct error *err);

/* All or none; a key that is there already keeps its value. */
int journal_labels_begin(struct journal *journal, const struct label_scope *scope,
			 const char *launch_id, const struct tag *tags, size_t nr,
			 struct error *err);

/* The cloud listed the instances of these launches: kept once for each that is open or live. Costs
 * one read where there is nothing new. */
int journal_listed(struct journal *journal, const char *const *launch_ids, size_t nr,
		   struct error *err);

#endif
