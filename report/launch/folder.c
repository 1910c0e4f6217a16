/* SPDX-License-Identifier: MIT */
/*
 * The same folders as an agent makes for itself, made before the target starts, so that no process
 * of it has to.
 */
#include "folder.h"
#include <base/cleanup.h>
#include <base/folder.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gildiag/recording.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define DATA        "gildiag.data"
#define MARKER_TEXT "gildiag session 1\n"
#define KEEP        10
#define SEEN_MAX    100000

#define NAMES_OWN_MAX 40 /* bytes of "/gildiag.data/<start>.<pid>" */

/* ---- Making ---------------------------------------------------------------------------------- */

static char *make_in(const char *base)
{
	gd_autofree char *real = realpath(base, NULL);
	gd_autofree char *data = NULL;
	gd_autofree char *path = NULL;
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	if (!real)
		return NULL;
	if (strlen(real) > GD_SESSION_PATH_MAX - NAMES_OWN_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
	if (asprintf(&data, "%s/" DATA, real) < 0 ||
	    asprintf(&path, "%s/%s.%d", data, stamp, (int)getpid()) < 0)
		return NULL;
	if ((mkdir(data, 0700) != 0 && errno != EEXIST) || mkdir(path, 0700) != 0)
		return NULL;
	return realpath(path, NULL);
}

static int make_default(char **ret_path, struct gd_diag *diag)
{
	const char *bases[] = { ".", getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp" };
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		*ret_path = bases[i] ? make_in(bases[i]) : NULL;
		if (*ret_path)
			return 0;
		if (bases[i])
			err = -errno;
	}
	return gd_diag_set(diag, err, "cannot make a folder for the recording here or in /tmp: %s",
			   strerror(-err));
}

static int make_named(const char *output, char **ret_path, struct gd_diag *diag)
{
	/* An empty folder can be removed: a simple way to ask whether it is one. */
	if (mkdir(output, 0700) != 0 &&
	    (errno != EEXIST || rmdir(output) != 0 || mkdir(output, 0700) != 0)) {
		int err = -errno;

		if (err == -ENOTEMPTY || err == -EEXIST)
			return gd_diag_set(
				diag, err,
				"%s is not empty: name a new folder, nothing is overwritten",
				output);
		if (err == -ENOTDIR)
			return gd_diag_set(diag, err, "%s is no folder: name a new one", output);
		return gd_diag_set(diag, err, "cannot make %s: %s", output, strerror(-err));
	}
	*ret_path = realpath(output, NULL);
	if (!*ret_path)
		return gd_diag_set(diag, -errno, "cannot make %s", output);
	if (strlen(*ret_path) <= GD_SESSION_PATH_MAX)
		return 0;
	rmdir(*ret_path);
	free(gd_take(*ret_path));
	return gd_diag_set(diag, -ENAMETOOLONG, "the path of %s is too long: name a shorter one",
			   output);
}

static int make_marker(const char *path)
{
	gd_autofree char *name = NULL;
	int fd;

	if (asprintf(&name, "%s/" GD_SESSION_MARKER, path) < 0)
		return -1;
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) != 0 ||
			write(fd, MARKER_TEXT, sizeof(MARKER_TEXT) - 1) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Bound through the folder's descriptor: a socket's path has 108 bytes at most. */
static int make_listener(const char *path)
{
	gd_autoclose int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" GD_SESSION_SOCKET,
		 folder);
	if (fd >= 0 && (folder < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
			listen(fd, 1024) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

int gd_folder_make(const char *output, struct gd_folder *ret_folder, struct gd_diag *diag)
{
	struct gd_folder folder = { .marker = -1, .listener = -1 };
	int err =
		output ? make_named(output, &folder.path, diag) : make_default(&folder.path, diag);

	if (err)
		return err;
	folder.marker = make_marker(folder.path);
	if (folder.marker >= 0)
		folder.listener = make_listener(folder.path);
	if (folder.listener < 0) {
		err = gd_diag_set(diag, -errno, "cannot prepare %s: %s", folder.path,
				  strerror(errno));
		gd_folder_close(&folder);
		return err;
	}
	*ret_folder = folder;
	return 0;
}

void gd_folder_close(struct gd_folder *folder)
{
	if (folder->marker >= 0)
		close(folder->marker);
	if (folder->listener >= 0)
		close(folder->listener);
	free(folder->path);
	*folder = (struct gd_folder){ NULL, -1, -1 };
}

/* ---- Pruning --------------------------------------------------------------------------------- */

struct old {
	char name[NAME_MAX + 1];
	struct timespec made;
};

static bool is_our_file(const char *name)
{
	static const char *const own[] = { GD_SESSION_TREE, GD_SESSION_PROBE };
	const char *at = name;

	if (strcmp(name, GD_SESSION_MARKER) == 0 || strcmp(name, GD_SESSION_SOCKET) == 0)
		return true;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && at == name; i++)
		if (strncmp(name, own[i], strlen(own[i])) == 0)
			at += strlen(own[i]);
	if (at == name) {
		if (!isdigit((unsigned char)*at))
			return false;
		at += strspn(at, "0123456789");
		if (*at++ != '.' || !isdigit((unsigned char)*at))
			return false;
		at += strspn(at, "0123456789");
	}
	if (*at == GD_SESSION_COPY && isdigit((unsigned char)at[1]))
		at += 1 + strspn(at + 1, "0123456789");
	return !*at || strcmp(at, ".new") == 0 || strcmp(at, ".own") == 0;
}

/* A finished recording of ours; its age is its marker's. */
static bool is_old(int data, const char *name, struct old *ret_old)
{
	gd_autofree char *marker = NULL;
	gd_autoclose int fd = -1;
	struct stat st;

	if (name[0] == '.' || strlen(name) > NAME_MAX ||
	    asprintf(&marker, "%s/" GD_SESSION_MARKER, name) < 0)
		return false;
	fd = openat(data, marker, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return false;
	if (flock(fd, LOCK_SH | LOCK_NB) != 0)
		return false;
	snprintf(ret_old->name, sizeof(ret_old->name), "%s", name);
	ret_old->made = st.st_mtim;
	return true;
}

static void remove_recording(int data, const char *name)
{
	DIR *folder = gd_folder_read(data, name);
	const struct dirent *entry;

	if (!folder)
		return;
	while ((entry = readdir(folder)))
		if (is_our_file(entry->d_name))
			unlinkat(dirfd(folder), entry->d_name, 0);
	closedir(folder);
	unlinkat(data, name, AT_REMOVEDIR); /* stays where somebody put other things */
}

static int compare_age(const void *a, const void *b)
{
	const struct old *x = a, *y = b;

	if (x->made.tv_sec != y->made.tv_sec)
		return x->made.tv_sec < y->made.tv_sec ? -1 : 1;
	return (x->made.tv_nsec > y->made.tv_nsec) - (x->made.tv_nsec < y->made.tv_nsec);
}

static size_t list_old(int data, struct old **ret_list)
{
	DIR *folder = gd_folder_read(data, ".");
	const struct dirent *entry;
	size_t count = 0;

	*ret_list = NULL;
	while (folder && count < SEEN_MAX && (entry = readdir(folder))) {
		struct old *grown = realloc(*ret_list, (count + 1) * sizeof(**ret_list));

		if (!grown)
			break;
		*ret_list = grown;
		count += is_old(data, entry->d_name, &grown[count]);
	}
	if (folder)
		closedir(folder);
	return count;
}

static size_t how_many_to_keep(void)
{
	const char *text = getenv("GILDIAG_KEEP");
	char *end;
	long keep = text ? strtol(text, &end, 10) : KEEP;

	return !text || !*text || *end || keep < 1 ? KEEP : (size_t)keep;
}

void gd_folder_prune(const char *path)
{
	gd_autofree char *parent = strdup(path);
	gd_autofree struct old *list = NULL;
	gd_autoclose int data = -1;
	size_t count, keep = how_many_to_keep();
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (!slash || slash == parent)
		return;
	*slash = 0;
	if (strcmp(strrchr(parent, '/') ? strrchr(parent, '/') + 1 : parent, DATA) != 0)
		return; /* a folder that the user named is his to keep tidy */
	data = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (data < 0 || flock(data, LOCK_EX | LOCK_NB) != 0)
		return;
	count = list_old(data, &list);
	if (count)
		qsort(list, count, sizeof(*list), compare_age);
	/* The new one, which is locked and so in no list, is one of those that are kept. */
	for (size_t i = 0; count + 1 - i > keep; i++)
		remove_recording(data, list[i].name);
}
