/* SPDX-License-Identifier: MIT */
/*
 * A uprobe costs what the instruction costs on which it stands: only on a push or a nop is it
 * cheap.
 */
#include "gil_links.h"
#include "elf_symbol.h"
#include "mapped.h"
#include "uprobe_link.h"
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static const char *const functions[GD_COND_FUNCTIONS] = {
	[GD_COND_SIGNAL] = "pthread_cond_signal",
	[GD_COND_TIMEDWAIT] = "pthread_cond_timedwait",
	[GD_COND_WAIT] = "pthread_cond_wait",
};

/* ---- Where they stand ------------------------------------------------------------------------ */

static bool has_them(int fd)
{
	struct gd_elf_symbol symbol;

	return gd_elf_symbol(fd, functions[GD_COND_TIMEDWAIT], &symbol) == 0;
}

/* Before glibc 2.34 they are in a library of their own. */
static bool is_libpthread(const char *name, int fd)
{
	return strncmp(name, "libpthread", 10) == 0 && (fd < 0 || has_them(fd));
}

static bool is_libc(const char *name, int fd)
{
	return (strncmp(name, "libc.so.6", 9) == 0 || strncmp(name, "libc-2.", 7) == 0) &&
	       (fd < 0 || has_them(fd));
}

/* Where in the file a probe on that function is cheap; 0: nowhere. */
static uint64_t probe_offset(int fd, const char *function)
{
	static const uint8_t endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct gd_elf_symbol symbol;
	const uint8_t *code;

	if (gd_elf_symbol(fd, function, &symbol) != 0 || !symbol.offset)
		return 0;
	code = symbol.code;
	if (memcmp(code, endbr64, sizeof(endbr64)) == 0)
		code += sizeof(endbr64);
	if ((code[0] & 0xf8) == 0x50 || (code[0] == 0x41 && (code[1] & 0xf8) == 0x50) ||
	    code[0] == 0x90)
		return symbol.offset + (uint64_t)(code - symbol.code);
	return 0;
}

int gd_gil_site_find(int32_t pid, struct gd_gil_site *ret_site)
{
	struct gd_mapped libc = gd_mapped_find(pid, is_libpthread);

	if (libc.fd < 0)
		libc = gd_mapped_find(pid, is_libc);
	ret_site->libc = libc.fd;
	ret_site->start = libc.start;
	ret_site->inode = libc.inode;
	for (int i = 0; libc.fd >= 0 && i < GD_COND_FUNCTIONS; i++) {
		ret_site->offsets[i] = probe_offset(libc.fd, functions[i]);
		if (!ret_site->offsets[i]) {
			gd_gil_site_forget(ret_site);
			return -ENOTSUP;
		}
	}
	return libc.fd < 0 ? -ENOENT : 0;
}

void gd_gil_site_forget(struct gd_gil_site *site)
{
	if (site->libc >= 0)
		close(site->libc);
	site->libc = -1;
}

/* ---- Links ----------------------------------------------------------------------------------- */

void gd_gil_links_prepare(struct gil_bpf *skeleton, bool is_multi)
{
	gd_uprobe_prepare(skeleton->progs.gd_on_condition, is_multi);
	gd_uprobe_prepare(skeleton->progs.gd_on_beacon, is_multi);
}

static int make_perf(const struct gil_bpf *skeleton, const char *path, const uint64_t *offsets,
		     const uint64_t *cookies, int32_t pid, struct gd_gil_links *links)
{
	for (uint32_t i = 0; i < GD_COND_FUNCTIONS; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = cookies[i]);

		links->perf[i] = bpf_program__attach_uprobe_opts(skeleton->progs.gd_on_condition,
								 pid, path, offsets[i], &opts);
		if (!links->perf[i])
			return -errno;
	}
	return 0;
}

int gd_gil_links_make(const struct gil_bpf *skeleton, const struct gd_gil_site *site, bool is_multi,
		      int32_t pid, uint32_t image, struct gd_gil_links *ret_links)
{
	uint64_t cookies[GD_COND_FUNCTIONS];
	char path[32];
	int err = 0;

	for (uint64_t i = 0; i < GD_COND_FUNCTIONS; i++)
		cookies[i] = i | (uint64_t)image << GD_COND_BITS;

	*ret_links = (struct gd_gil_links){ .multi = -1 };
	snprintf(path, sizeof(path), "/proc/self/fd/%d", site->libc);
	if (!is_multi)
		err = make_perf(skeleton, path, site->offsets, cookies, pid, ret_links);
	else
		ret_links->multi = gd_uprobe_multi(skeleton->progs.gd_on_condition, path,
						   site->offsets, cookies, GD_COND_FUNCTIONS, pid);
	if (ret_links->multi < -1)
		err = ret_links->multi;
	if (err)
		gd_gil_links_destroy(ret_links);
	return err;
}

static pthread_mutex_t closing_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t closed = PTHREAD_COND_INITIALIZER;
static unsigned int closing; /* threads that close one now */

static void *close_it(void *arg)
{
	close((int)(intptr_t)arg);
	pthread_mutex_lock(&closing_lock);
	closing--;
	pthread_cond_signal(&closed);
	pthread_mutex_unlock(&closing_lock);
	return NULL;
}

void gd_gil_links_close(int fd)
{
	pthread_t thread;

	if (fd < 0)
		return;
	pthread_mutex_lock(&closing_lock);
	if (pthread_create(&thread, NULL, close_it, (void *)(intptr_t)fd) == 0) {
		closing++;
		pthread_detach(thread);
	} else {
		close(fd);
	}
	pthread_mutex_unlock(&closing_lock);
}

void gd_gil_links_wait(void)
{
	pthread_mutex_lock(&closing_lock);
	while (closing)
		pthread_cond_wait(&closed, &closing_lock);
	pthread_mutex_unlock(&closing_lock);
}

void gd_gil_links_destroy(struct gd_gil_links *links)
{
	for (int i = 0; i < GD_COND_FUNCTIONS; i++) {
		bpf_link__destroy(links->perf[i]);
		links->perf[i] = NULL;
	}
	gd_gil_links_close(links->multi);
	links->multi = -1;
}

/* ---- Is a thread seen? ----------------------------------------------------------------------- */

static __attribute__((noinline)) void *beacon(void *arg)
{
	__asm__ volatile("" ::: "memory");
	return arg;
}

/* In this program's file; 0: not found. */
static uint64_t offset_in_file(uint64_t address)
{
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	uint64_t base = 0;

	for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
		if (headers[i].p_type == PT_PHDR)
			base = (uintptr_t)headers - headers[i].p_vaddr;
	for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
		if (headers[i].p_type == PT_LOAD && address - base >= headers[i].p_vaddr &&
		    address - base - headers[i].p_vaddr < headers[i].p_filesz)
			return address - base - headers[i].p_vaddr + headers[i].p_offset;
	return 0;
}

bool gd_gil_links_see_threads(const struct gil_bpf *skeleton, int *ret_beacon)
{
	uint64_t offset = offset_in_file((uintptr_t)beacon);
	pthread_t thread;

	*ret_beacon = gd_uprobe_multi(skeleton->progs.gd_on_beacon, "/proc/self/exe", &offset, NULL,
				      1, getpid());
	if (*ret_beacon < 0 || pthread_create(&thread, NULL, beacon, NULL) != 0)
		return false;
	pthread_join(thread, NULL);
	return skeleton->bss->gd_beacons > 0;
}
