/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at work on a launch, or on a name: a lock that dies with its process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/journal_internal.h"

static char *lock_path(const struct journal *journal, const char *key)
{
	return xasprintf("%s/locks/%s", journal->dir, key);
}

static int claim(struct journal *journal, const char *key, struct error *err)
{
	if (journal->nr_claims == JOURNAL_CLAIMS)
		return 0;
	char *path = lock_path(journal, key);
	int fd = file_lock(path, err);
	free(path);
	if (fd == -2)
		return 0;
	if (fd < 0)
		return -1;
	struct journal_claim *claimed = &journal->claims[journal->nr_claims++];
	snprintf(claimed->key, sizeof(claimed->key), "%s", key);
	claimed->fd = fd;
	return 1;
}

static void unclaim(struct journal *journal, const char *key)
{
	for (size_t i = 0; i < journal->nr_claims; i++) {
		struct journal_claim *claimed = &journal->claims[i];

		if (strcmp(claimed->key, key) != 0)
			continue;
		char *path = lock_path(journal, key);
		unlink(path); /* before the lock goes: a waiter then makes a new file */
		free(path);
		close(claimed->fd);
		memmove(claimed, claimed + 1, (journal->nr_claims - i - 1) * sizeof(*claimed));
		journal->nr_claims--;
		return;
	}
}

int journal_claim(struct journal *journal, const char *launch_id, struct error *err)
{
	if (!text_is_token(launch_id, "-", JOURNAL_LAUNCH_ID_MAX - 1))
		return error_set(err, ERROR_IO, "journal: launch id is not one of ours");
	return claim(journal, launch_id, err);
}

void journal_unclaim(struct journal *journal, const char *launch_id)
{
	unclaim(journal, launch_id);
}

static void name_key(const char *name, char key[JOURNAL_CLAIM_MAX])
{
	snprintf(key, JOURNAL_CLAIM_MAX, "name.%s", name);
}

int journal_claim_name(struct journal *journal, const char *name, struct error *err)
{
	char key[JOURNAL_CLAIM_MAX];

	if (!text_is_label(name))
		return error_set(err, ERROR_USAGE, "'%.80s' is not a name", name);
	name_key(name, key);
	return claim(journal, key, err);
}

void journal_unclaim_name(struct journal *journal, const char *name)
{
	char key[JOURNAL_CLAIM_MAX];

	name_key(name, key);
	unclaim(journal, key);
}

void journal_drop_claims(struct journal *journal)
{
	while (journal->nr_claims)
		unclaim(journal, journal->claims[0].key);
}
