/* QEMU plugin: guest instructions between marks.
 *
 *   gcc -shared -fPIC -O2 -DPLUGIN_VERSION=1 -o insn_count.so insn_count.c     (2 for QEMU 9 and later)
 *
 * A guest marks a place by the system call getpgid(0x7ffff000 + N), which fails and does nothing else; each mark prints
 * "MARK N INSTRUCTIONS" on standard error, with all that were executed until then. So one process counts many things,
 * and neither its start nor its end is among them. Distributions ship QEMU without qemu-plugin.h, hence the declarations,
 * as in that header. One thread of the guest only: the counter is not shared out.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))
#define GETPGID 155 /* on aarch64 */
#define FIRST_MARK 0x7ffff000u
#define MARKS 0x1000u

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
typedef void (*on_translation)(plugin_id, struct qemu_plugin_tb *);
typedef void (*on_execution)(unsigned int vcpu, void *instructions);
typedef void (*on_system_call)(plugin_id, unsigned int vcpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t,
                               uint64_t, uint64_t, uint64_t, uint64_t);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, on_translation);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, on_execution, int flags, void *);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id, on_system_call);

EXPORT int qemu_plugin_version = PLUGIN_VERSION;

static uint64_t executed;

static void count(unsigned int vcpu, void *instructions)
{
    (void)vcpu;
    executed += (uintptr_t)instructions;
}

static void translated(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, count, 0, (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void system_call(plugin_id id, unsigned int vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                        uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)vcpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number == GETPGID && a1 - FIRST_MARK < MARKS)
        fprintf(stderr, "MARK %" PRIu64 " %" PRIu64 "\n", a1 - FIRST_MARK, executed);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, system_call);
    return 0;
}
