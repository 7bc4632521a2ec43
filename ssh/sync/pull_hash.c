/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the same size and another time: the machine says what they hold, and we look here. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/codec.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "ssh/remote.h"
#include "ssh/sync/pull_internal.h"
#include "ssh/sync/scripts.h"
#include "ssh/sync/shell.h"

#define HEX_LEN	   (SHA256_HEX_MAX - 1)
#define RECORD_MAX (HEX_LEN + 4 + MANIFEST_PATH_MAX)
#define CHUNK	   ((size_t)256 << 10)

static int add_chunks(EVP_MD_CTX *md, int fd, uint64_t len, char *buf)
{
	while (len > 0) {
		ssize_t n = read(fd, buf, len < CHUNK ? (size_t)len : CHUNK);

		if (n < 0 && errno == EINTR && !interrupted())
			continue;
		if (n == 0)
			errno = ENODATA; /* shorter than it was */
		if (n <= 0 || interrupted())
			return -1;
		EVP_DigestUpdate(md, buf, (size_t)n);
		len -= (uint64_t)n;
	}
	return 0;
}

int fetch_digest(int fd, uint64_t len, char hex[65])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char *chunk = xmalloc(CHUNK);
	unsigned char sum[SHA256_LEN];
	struct buf text = BUF_INIT;

	if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		out_of_memory();
	int rc = add_chunks(md, fd, len, chunk);
	int saved = errno;
	EVP_DigestFinal_ex(md, sum, NULL);
	EVP_MD_CTX_free(md);
	free(chunk);
	hex_encode(&text, sum, sizeof(sum));
	memcpy(hex, text.data, SHA256_HEX_MAX);
	buf_release(&text);
	errno = saved;
	return rc;
}

struct sums {
	struct fetch *fetch;
	bool fresh; /* what has just come is looked at; else what stands at the target */
	struct way way;
	struct buf record; /* of what has come */
	size_t next;	   /* items before it are settled */
};

static int bad(const struct sums *sums, struct error *err)
{
	return error_set(err, ERROR_PROTOCOL, "the machine's list of sums makes no sense: '%s'",
			 shown_of(sums->record.data, sums->record.len).text);
}

static bool is_meant(const struct sums *sums, const struct fetch_item *item)
{
	return sums->fresh ? item->fresh : item->what == FETCH_COMPARE && !item->staged;
}

static int open_mine(struct sums *sums, const struct fetch_item *item)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
	char name[STAGE_NAME_MAX];
	const char *leaf;

	if (sums->fresh) {
		stage_name(fetch_there(sums->fetch, item), name);
		return openat(sums->fetch->stage.fd, name, flags);
	}
	int dir_fd = way_to(&sums->way, fetch_here(sums->fetch, item), &leaf);
	return dir_fd < 0 ? -1 : openat(dir_fd, leaf, flags);
}

/* What is here, against what the machine says: an unreadable one is replaced. */
static bool is_equal(struct sums *sums, const struct fetch_item *item, const char *hex)
{
	char mine[SHA256_HEX_MAX];
	int fd = open_mine(sums, item);

	if (fd < 0)
		return false;
	int rc = fetch_digest(fd, item->far->size, mine);
	close(fd);
	return rc == 0 && !memcmp(mine, hex, HEX_LEN);
}

/* hex: what the machine says, or NULL where it says nothing. */
static void settle(struct sums *sums, struct fetch_item *item, const char *hex)
{
	bool equal = hex && is_equal(sums, item, hex);
	char name[STAGE_NAME_MAX];

	if (!sums->fresh) {
		bool rest = equal && item->near->mode == item->far->mode &&
			    fetch_same_time(sums->fetch, item->near->mtime_ns, item->far->mtime_ns);

		item->what = rest ? FETCH_SAME : equal ? FETCH_TOUCH : FETCH_SEND;
	} else if (!equal) {
		stage_name(fetch_there(sums->fetch, item), name);
		unlinkat(sums->fetch->stage.fd, name, 0);
		fetch_note_change(sums->fetch, fetch_there(sums->fetch, item),
				  hex ? "has another sum than what came" : "has no sum");
	}
}

/* "HEX  ./PATH": in the order we asked in; what it cannot read it leaves out. */
static int take_record(struct sums *sums, struct error *err)
{
	const char *record = sums->record.data, *path = record + HEX_LEN + 2;

	if (sums->record.len < HEX_LEN + 5 || strspn(record, "0123456789abcdef") != HEX_LEN ||
	    memcmp(record + HEX_LEN, "  ./", 4) != 0)
		return bad(sums, err);
	for (; sums->next < sums->fetch->far.nr; sums->next++) {
		struct fetch_item *item = &sums->fetch->items[sums->next];

		if (!is_meant(sums, item))
			continue;
		if (strcmp(fetch_there(sums->fetch, item), path + 2) != 0) {
			settle(sums, item, NULL);
			continue;
		}
		settle(sums, item, record);
		fetch_tell(sums->fetch, item->far->path, false);
		sums->next++;
		return 0;
	}
	return bad(sums, err);
}

static int on_out(void *ctx, const char *data, size_t len, struct error *err)
{
	struct sums *sums = ctx;

	while (len > 0) {
		const char *nul = memchr(data, '\0', len);
		size_t n = nul ? (size_t)(nul - data) : len;

		if (buf_add(&sums->record, data, n) < 0)
			return bad(sums, err);
		if (!nul)
			return 0;
		if (take_record(sums, err) < 0)
			return -1;
		buf_clear(&sums->record);
		data += n + 1;
		len -= n + 1;
	}
	return 0;
}

static int ask(struct sums *sums, const struct buf *list, uint64_t bytes, struct error *err)
{
	struct fetch *fetch = sums->fetch;
	struct remote_exit how;
	struct shell shell;

	shell_init(&shell);
	shell_set(&shell, "base", fetch->base);
	shell_list(&shell, "files", list->data, list->len);
	shell.ctx = sums;
	shell.out = on_out;
	char *script = xasprintf("%s%s", sync_list_script, sync_pull_script);
	shell_script(&shell, script, "gpucloud_pull_sums");
	free(script);
	int rc = shell_run(&shell, fetch->link->ops, fetch->link->remote, fetch_deadline(bytes),
			   &how, err);
	shell_release(&shell);
	return rc;
}

static int run(struct sums *sums, struct error *err)
{
	struct fetch *fetch = sums->fetch;
	struct buf list = BUF_INIT_MAX((size_t)512 << 20);
	uint64_t bytes = 0;
	int rc = 0;

	for (size_t i = 0; i < fetch->far.nr; i++) {
		const struct fetch_item *item = &fetch->items[i];

		if (!is_meant(sums, item))
			continue;
		bytes += item->far->size;
		buf_addf(&list, "./%s", fetch_there(fetch, item));
		buf_addch(&list, '\0');
	}
	sums->record = (struct buf)BUF_INIT_MAX(RECORD_MAX);
	way_init(&sums->way, fetch->target.root_fd, false);
	if (list.len > 0)
		rc = ask(sums, &list, bytes, err);
	if (rc == 0 && interrupted())
		rc = error_set(err, ERROR_CANCELLED, "interrupted while files were compared");
	/* what it did not vouch for, for want of sha256sum or of the right to read */
	for (; rc == 0 && list.len > 0 && sums->next < fetch->far.nr; sums->next++)
		if (is_meant(sums, &fetch->items[sums->next]))
			settle(sums, &fetch->items[sums->next], NULL);
	way_release(&sums->way);
	buf_release(&list);
	buf_release(&sums->record);
	return rc;
}

int fetch_compare(struct fetch *fetch, struct error *err)
{
	struct sums sums = { .fetch = fetch };

	if (run(&sums, err) < 0)
		return -1;
	for (size_t i = 0; i < fetch->far.nr; i++)
		if (fetch->items[i].what == FETCH_COMPARE) /* staged already */
			fetch->items[i].what = FETCH_SEND;
	return 0;
}

int fetch_verify(struct fetch *fetch, struct error *err)
{
	struct sums sums = { .fetch = fetch, .fresh = true };

	return run(&sums, err);
}
