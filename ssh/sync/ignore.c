/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sync/ignore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "ssh/sync/ignore_glob.h"
#include "ssh/tree.h"

struct rule {
	const char *plain; /* what the pattern begins with, up to its first wildcard */
	size_t plain_len;
	const struct glob *glob; /* the rest; NULL: there is none */
	bool negated, dir_only;
	bool whole; /* of the path below the folder; else of the last name alone */
};

/* The rules of one folder. */
struct rules {
	const char *folder;
	size_t folder_len;
	struct rule *v;
	size_t nr, cap;
};

struct ignore {
	struct arena arena;
	struct rules *v; /* parents come first, so the last that holds a path is the nearest */
	size_t nr, cap, nr_rules;
	struct rules mine;
	bool read_files;
};

/* Blanks at the end count only where they are escaped. */
static size_t trimmed(const char *line, size_t len)
{
	size_t keep = 0;

	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\\' && i + 1 < len)
			keep = ++i + 1;
		else if (line[i] != ' ')
			keep = i + 1;
	}
	return keep;
}

/* False: the line is no rule, or none that can match. */
static bool parse(struct arena *arena, const char *line, size_t len, struct rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	if (len == 0 || line[0] == '#')
		return false;
	len = trimmed(line, len);
	if (len > 0 && line[0] == '!') {
		rule->negated = true;
		line++;
		len--;
	}
	if (len > 0 && line[len - 1] == '/') {
		rule->dir_only = true;
		len--;
	}
	rule->whole = len > 0 && memchr(line, '/', len) != NULL;
	if (rule->whole && line[0] == '/') {
		line++;
		len--;
	}
	if (len == 0)
		return false;
	while (rule->plain_len < len && !memchr("*?[\\", line[rule->plain_len], 4))
		rule->plain_len++;
	rule->plain = arena_strndup(arena, line, rule->plain_len);
	if (rule->plain_len == len)
		return true;
	rule->glob = glob_new(arena, line + rule->plain_len, len - rule->plain_len);
	return rule->glob != NULL;
}

static void add_rule(struct ignore *ignore, struct rules *rules, const char *line, size_t len)
{
	struct rule rule;

	if (ignore->nr_rules >= IGNORE_RULES_MAX || !parse(&ignore->arena, line, len, &rule))
		return;
	rules->v = arena_grow(&ignore->arena, rules->v, rules->nr, &rules->cap, sizeof(rule));
	rules->v[rules->nr++] = rule;
	ignore->nr_rules++;
}

void ignore_add(struct ignore *ignore, const char *folder, const char *line, size_t len)
{
	struct rules *last = ignore->nr > 0 ? &ignore->v[ignore->nr - 1] : NULL;

	if (!last || strcmp(last->folder, folder) != 0) {
		ignore->v = arena_grow(&ignore->arena, ignore->v, ignore->nr, &ignore->cap,
				       sizeof(*ignore->v));
		last = &ignore->v[ignore->nr++];
		*last = (struct rules){ .folder = arena_strdup(&ignore->arena, folder),
					.folder_len = strlen(folder) };
	}
	add_rule(ignore, last, line, len);
}

struct ignore *ignore_new(const char *const *exclude, size_t nr_exclude, bool read_files)
{
	struct ignore *ignore = xcalloc(1, sizeof(*ignore));

	ignore->read_files = read_files;
	ignore->mine.folder = "";
	for (size_t i = 0; i < nr_exclude; i++)
		add_rule(ignore, &ignore->mine, exclude[i], strlen(exclude[i]));
	return ignore;
}

void ignore_free(struct ignore *ignore)
{
	if (!ignore)
		return;
	arena_release(&ignore->arena);
	free(ignore);
}

static void add_text(struct ignore *ignore, const char *folder, const struct buf *text)
{
	const char *p = text->data, *end = p + text->len;

	if (text->len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline : end) - p);
		size_t line = newline && len > 0 && p[len - 1] == '\r' ? len - 1 : len;

		if (line > 0)
			ignore_add(ignore, folder, p, line);
		p += len + 1;
	}
}

/* 1 read, 0 there is no such file, -1 with errno. */
static int read_text(int dir_fd, const char *name, struct buf *text)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	char chunk[8192];
	struct stat st;
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0 : -1;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	while (n > 0 && !text->overflow) {
		n = read(fd, chunk, sizeof(chunk));
		if (n > 0)
			buf_add(text, chunk, (size_t)n);
	}
	int saved = text->overflow ? EFBIG : errno;
	close(fd);
	errno = saved;
	return n < 0 || text->overflow ? -1 : 1;
}

int ignore_enter(struct ignore *ignore, int dir_fd, const char *path, struct error *err)
{
	static const char *const names[] = { ".gitignore", ".gpucloudignore" };
	int rc = 0;

	for (size_t i = 0; ignore->read_files && rc == 0 && i < ARRAY_SIZE(names); i++) {
		struct buf text = BUF_INIT_MAX(IGNORE_FILE_MAX);

		rc = read_text(dir_fd, names[i], &text);
		if (rc > 0) {
			add_text(ignore, path, &text);
			rc = 0;
		} else if (rc < 0) {
			error_errno(
				err, ERROR_IO, "cannot read '%s' in '%s'", names[i],
				shown_of(path[0] ? path : ".", path[0] ? strlen(path) : 1).text);
		}
		buf_release(&text);
	}
	if (rc == 0 && ignore->nr_rules >= IGNORE_RULES_MAX)
		rc = error_set(err, ERROR_UNSUPPORTED, "more than %d rules of what to leave out",
			       IGNORE_RULES_MAX);
	return rc;
}

static bool rule_matches(const struct rule *rule, const char *text, size_t len)
{
	if (len < rule->plain_len || memcmp(text, rule->plain, rule->plain_len) != 0)
		return false;
	if (!rule->glob)
		return len == rule->plain_len;
	return glob_match(rule->glob, text + rule->plain_len, len - rule->plain_len);
}

/* 1 out, 0 in, -1 no rule says. path is below the folder. */
static int decide(const struct rules *rules, const char *path, bool is_dir)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t path_len = strlen(path), name_len = path_len - (size_t)(name - path);

	for (size_t i = rules->nr; i-- > 0;) {
		const struct rule *rule = &rules->v[i];

		if (rule->dir_only && !is_dir)
			continue;
		if (rule->whole ? rule_matches(rule, path, path_len)
				: rule_matches(rule, name, name_len))
			return rule->negated ? 0 : 1;
	}
	return -1;
}

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && !memcmp(s + len - n, end, n);
}

bool ignore_match(const struct ignore *ignore, const char *path, bool is_dir)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strlen(path), name_len = strlen(name);

	if (name[0] == '.' && (ends_with(name, name_len, IGNORE_PUSH_SUFFIX) ||
			       ends_with(name, name_len, IGNORE_PULL_SUFFIX)))
		return true;
	int out = decide(&ignore->mine, path, is_dir);
	for (size_t i = ignore->nr; i-- > 0 && out < 0;) {
		const struct rules *rules = &ignore->v[i];
		size_t n = rules->folder_len;

		if (n == 0)
			out = decide(rules, path, is_dir);
		else if (len > n && path[n] == '/' && !memcmp(path, rules->folder, n))
			out = decide(rules, path + n + 1, is_dir);
	}
	return out < 0 ? !strcmp(name, ".git") : out == 1;
}

bool ignore_covers(const struct ignore *ignore, const char *path, bool is_dir)
{
	char part[4096];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return false;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		if (ignore_match(ignore, part, true))
			return true;
	}
	return ignore_match(ignore, path, is_dir);
}
