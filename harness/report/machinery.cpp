#include "harness/report/machinery.hpp"

#include <initializer_list>
#include <sstream>
#include <string>

#include <re2/re2.h>

namespace harness {

namespace {

// Regular expressions for whole names, with white space between them.
constexpr std::string_view printing = R"(
  _*dump_stack(_lvl)? warn_alloc perf_trace_.* _*bpf_trace_.* trace_event_raw_.* dump_backtrace show_stack(_log_lvl)? show_trace.* show_regs.*
  unwind_backtrace _*warn(_printk)? _*warn_slowpath.* report_bug report_bug_entry fixup_bug.*
  __show_regs print_.* _*printk.* vprintk.* panic vpanic nmi_panic check_panic_on_warn die
  __die.* die_.* oops_.* no_context __bad_area.* bad_area.* bad_page.* dump_page object_err
  slab_err slab_.*report.* object_.*report nmi_.*backtrace.* arch_trigger_.*backtrace
  trigger_.*backtrace.* rcu_dump_.* sched_show_task show_state_filter schedule_debug
  __schedule_bug __report_.* .*_report_.* lockdep_rcu_.* ubsan_epilogue __ubsan_.*
  handle_overflow val_to_string.* (__rustc::)?rust_begin_unwind rust_helper_BUG .*panic_fmt.*
  core::panicking::.* __stack_chk_fail usercopy_abort report_usercopy
  fortify_panic __fortify_.* aarch64_insn_.*)";

constexpr std::string_view sanitizers = R"(
  _*kasan_.* _*kmsan_.* _*kcsan_.* _*kfence_.* __asan_.* __hwasan_.* __msan_.* __tsan_.*
  __sanitizer_.* check_memory_region.* check_region_inline end_report start_report
  address_is_poisoned kcsan_setup_watchpoint is_kfence_address read_word_at_a_time)";

constexpr std::string_view traps = R"(
  do_tag_.* do_trap.* do_error_trap do_invalid_op invalid_op exc_.* asm_exc_.* handle_bug
  async_page_fault _*do_page_fault.* trace_page_fault page_fault page_fault_oops
  handle_page_fault do_user_addr_fault do_kern_addr_fault general_protection
  do_general_protection double_fault do_double_fault error_code common_exception el1t?h?_.*
  el1_.* do_mem_abort do_translation_fault do_DataAbort do_PrefetchAbort do_undefinstr
  _*dabt_svc __und_svc.* _*do_kernel_fault do_debug_exception brk_handler call_break_hook
  call_undef_hook bug_handler do_bad_area do_alignment_fault fixup_exception ret_from_exception
  do_sp_pc_abort handle_exception)";

constexpr std::string_view memory = R"(
  _*mem(set|cpy|move|cmp|chr|scan|dup).*
  _*str(l|n|s)?(cpy|cat|len|cmp|str|dup|chr|pbrk|spn|nlen|ncmp|ncpy|lcpy|scpy).*
  _*copy_(to|from|in)_(user|iter).* _*copyin _*copyout copy_user_.* rep_movs.* _*clear_user.*
  _*(get|put)_user.* __arch_copy_.* __check_object_size check_heap_object check_stack_object
  check_copy_size __check_heap_object instrument_.* _*might_fault _copy_.* raw_copy_.*
  csum_partial.* do_csum _*xa_.* _*xas_.* _*READ_ONCE.* _*WRITE_ONCE.* arch_atomic.* _*atomic.*
  _*raw_atomic.* cmpxchg.* xchg.* _*(test|set|clear|change)(_and_(set|clear))?_bit.*
  find_(next|first).*_bit.* _*bitmap_.* crc\d+.* _*crc32.* hex_dump_to_buffer)";

constexpr std::string_view allocation = R"(
  .*k[mzc]alloc.* .*k(re|v|vz|vm)alloc.* .*k(v?mem|str|strn)dup.* .*vmalloc.* _*k[mzcv]?z?alloc.* _*kv?free.* _*kmem_cache_.* krealloc.* _*vmalloc.* _*v[mz]?alloc.*
  _*kv?m?z?alloc.* alloc_pages?_.* _*alloc_page.* vfree.* _*slab_.* _*____cache_alloc.*
  _*cache_.*alloc.* _*cache_.*free.* qlink_free qlist_free_all quarantine_.* _*alloc_pages.*
  _*free_pages.* _*get_free_pages.* get_zeroed_page.* get_page_from_freelist free_unref_.* free_pcp.* free_pages_prepare
  prep_new_page post_alloc_hook alloc_slab_page allocate_slab new_slab _*do_kmalloc.*
  do_slab_free set_freepointer poison_.* unpoison_.* _*alloc_percpu.* pcpu_.* free_percpu
  mempool_.* kfree_.* fail_dump _*discard_slab _*free_slab discard_slab
  deactivate_slab shrink_slab.* _*alloc_frozen_pages.* free_frozen_page.*
  free_huge_page __page_cache_release _*folio_put.* put_page.* page_frag_free _*folios?_put.*
  skb_free_.* free_large_kmalloc)";

constexpr std::string_view locks = R"(
  _*lock_(acquire|release|is_held|contended|acquired|downgrade|torture).* _*lock_acquire.*
  lockdep_.* _*raw_(spin|read|write)_.* _*(spin|read|write|seq|rw)_?(try)?(un)?lock.* do_raw_.*
  native_queued_.* queued_.* _*pv_.* _*mutex_(un|try)?lock.* _*ww_mutex_.* _*rt_mutex.*
  _*rtmutex.* _*rwbase_.* down(_read|_write|_interruptible|_killable|_trylock|_timeout)?(_.*)?
  up(_read|_write)? _*down_(read|write|common).* _*up_(read|write).* _*rwsem_.*
  _*percpu_(down|up)_.* percpu_rwsem_.* _*rcu_read_(un)?lock.* _*srcu_read_.* rcu_lock_.*
  debug_(check|mutex|spin|object|rt|lockdep).* spin_bug rwlock_bug spin_dump _*debug_check_.*
  debug_.*_locks.*
  check_(noncircular|prev|prevs|deadlock|flags|wait|usage|irq|chain|preemption).* validate_chain
  mark_(lock|held|usage).* valid_state _*bit_spin_.* lock_two_.*
  trace_(hardirqs|softirqs|preempt)_.* _*trace_contention.* _*local_(bh|irq)_.* _*preempt_.*
  preempt_count_.* _*might_.* bit_.*lock console_(un)?lock
  down_console_.* console_trylock.* lock_sock_nested _*lock_sock.* release_sock irqentry_.*
  osq_.* owner_on_cpu reacquire_held_locks _*seqcount_.* look_up_lock_class register_lock_class hlock_class find_held_lock arch_local_irq_.* _*cond_resched.* flush_work
  _*flush_work _*flush_workqueue start_flush_work __cancel_work.* cancel_(delayed_)?work_sync
  lock_timer_base _*try_to_del_timer_sync _*del_timer.* _*timer_delete.* _*mod_timer.*
  timer_shutdown.* sk_stop_timer.* sk_reset_timer _*(get|put)_(online_cpus|cpu_.*) cpus_read_.*
  cpu_hotplug_.* _*static_key_.* _*static_call_.* jump_label_.* arch_jump_label_.*
  complete(_all)? _*complete.* _*wake_up.* try_to_wake_up default_wake_function
  autoremove_wake_function ep_poll_callback)";

constexpr std::string_view containers = R"(
  _*wait_for_(common|completion).* prepare_to_wait.* finish_wait _*dev_.*printk.*
  _*dev_(err|warn|info|dbg|notice).* dev_vprintk_emit va_format _*debug_object.*
  (dpm_)?sysfs_remove dpm_sysfs_.* device_remove_file _*queue_(delayed_)?work.* _*queue_work_on
  skb_(panic|over_panic|under_panic|push|pull|put) rhashtable_.* _*rhashtable_.*
  __x86_indirect_.* __phys_addr.* (put|get)_device device_(del|unregister) i2c_del_adapter _*seqprop_.* kill_fasync kobject_.*
  _*sysfs_(remove|create)_.* debug_print_object proc_register proc_create.* _*proc_mkdir.*
  usercopy_warn work_is_static_object (folio|page)_unlock unlock_page v?s?c?n?printf v?snprintf
  (hex_)?string(_nocheck)? number pointer kv?asprintf netdev_.*printk arch_stack_walk
  walk_stackframe stack_trace_.* save_stack.* mutex_.*
  _*list_(add|del|splice|move|replace|lru|empty|is|first|last|entry|debug|valid).* _*hlist_.*
  _*llist_.* plist_.* _*rb_.* rb_(insert|erase|next|first).* refcount_.* _*refcount_.* kref_.*
  _*kref_.* ref_tracker_.* netdev_tracker_.* timer_is_static_object kobject_(get|put|cleanup|release) _*sk_(free|destruct).* timerqueue_add _*idr_.*
  _*radix_tree_.* ida_.* _*percpu_(ref|counter)_.* percpu_ref_.* klist_.* dput fast_dput iput
  timer_wait_running _*this_cpu_.* smp_processor_id check_preemption_disabled
  _*percpu_counter_.*)";

constexpr std::string_view entry = R"(
  _*(asm_)?sysvec_.* _*(smp_)?apic_timer_interrupt hrtimer_interrupt _*hrtimer_run_.*
  _*run_hrtimer _*sysvec.* ret_from_intr common_interrupt do_IRQ handle_irq.* irq_(enter|exit).*
  _*irq_exit.* invoke_softirq do_softirq.* _*do_softirq_own_stack entry_.* do_syscall_.*
  do_trap_ecall_u system_call.* _*do_syscall handle_syscall
  do_fast_syscall.* do_int80.* __do_fast_syscall.* ret_fast_syscall el0_.* el0t_.* do_el0_.*
  _*irq_svc x64_sys_call x32_sys_call ia32_sys_call invoke_syscall syscall_.*
  local_apic_timer_interrupt local_bh_enable call_on_(irq_)?stack run_on_.*stack.*
  _*syscall_exit.* retint_.* ret_from_(fork|syscall).* interrupt_entry)";

constexpr std::string_view waits = R"(
  _*schedule(_.*)? _*io_schedule.* schedule_.* preempt_schedule.* _*wait_(for|on|woken|event|rcu).*
  _*do_wait_.* _*wait_on_.* bit_wait.* out_of_line_wait_.* wait_.* _*wait_for_.* _*down.*
  _*mutex_.* _*rt_mutex_.* ldsem_.* _*ldsem_.* tty_ldisc_lock.* tty_lock.* tty_ldisc_ref.*
  _*rwsem_.* call_rwsem_.* _*percpu_.* rcu_(barrier|sync|exp).* _*flush_.*work.*
  _*cancel_.*work.* flush_workqueue drain_workqueue destroy_workqueue
  kthread_(stop|park|flush).* context_switch _*switch_to.* freezer.* _*refrigerator do_nanosleep
  usleep_.* msleep.* _*lock_page.* _*folio_lock.* folio_wait_.* _*folio_wait_.* inode_lock.*
  inode_.*lock.* wait_on_.* lock_mount_hash exp_funnel_lock
  _*synchronize_hardirq     rq_qos_wait rpc_wait_.*
  nfs_wait_.*  lock_sock_nested)";

constexpr std::string_view timers = R"(.*timer.*)";

constexpr std::string_view page_cache = R"(
  _*folio_alloc.* filemap_alloc_folio.* _*filemap_get_.* pagecache_get_page grab_cache_page.*
  find_or_create_page.* _*page_pool_.* _*(re)?set_page_owner vma_alloc_.* folio_prealloc.*)";

constexpr std::string_view shared_objects = R"(
  create_object _*kmemleak_.* _*list_lru_init.* sget_userns)";

constexpr std::string_view usb_transfers = R"(
  usb_(submit|kill|unlink|start_wait)_urb usb_(bulk|control|interrupt|internal_control)_msg.*
  usb_hcd_submit_urb _*(netdev_)?alloc_skb.*)";

constexpr std::string_view last_resort = R"(
  ret_from_exception _*bad_area.* do_user_addr_fault _*do_page_fault.* handle_page_fault)";

// Sleeping functions whose own name says best what hangs.
constexpr std::string_view kept = R"(
  synchronize_(rcu|srcu|net|sched|rcu_.*) _*synchronize_.* rtnl_lock.* lock_sock_nested)";

constexpr std::string_view interrupts = R"(
  (smp_)?(trace_)?apic_timer_interrupt asm_sysvec_apic_timer_interrupt
  sysvec_apic_timer_interrupt asm_.*interrupt el1_irq el1h_64_irq _*irq_svc ret_from_intr
  common_interrupt_return nmi end_repeat_nmi asm_exc_nmi __do_irq)";

constexpr std::string_view dispatchers = R"(
  do_trap_ecall_u ret_from_syscall system_call.* _*do_syscall handle_syscall syscall_common
  do_syscall_.* entry_SYSCALL.* entry_SYSENTER.* entry_INT80.* do_fast_syscall.*
  __do_fast_syscall.* do_int80.* ret_fast_syscall el0_svc.* invoke_syscall x64_sys_call
  _*vfs_(read|write|ioctl|fallocate|fsync.*|readv|writev|iter_.*|open|get_tree|setxattr.*|
  unlink|rmdir|mkdir|create|rename|symlink|link) _*vfs_.*_noperm do_vfs_ioctl
  new_sync_(read|write) call_(read|write)_iter do_iter_.* do_loop_readv.* do_splice_to
  do_splice_from do_dentry_open _*fput _*__fput do_poll do_pollfd do_select _*do_fault do_mmap.*
  call_mmap mmap_region iterate_dir do_fsync
  _*do_sys_open.* path_openat
  sock_(sendmsg|recvmsg|write_iter|read_iter|ioctl|close|sendmsg_nosec|recvmsg_nosec|do_ioctl)
  _*sock_(sendmsg|recvmsg)_nosec inet6?_(sendmsg|recvmsg|release) _*sock_release
  _*sys_(setsockopt|getsockopt|bind|connect|accept4) _*netif_receive_skb.* rtnetlink_rcv_msg
  genl_(family_)?rcv_msg.* dev_hard_start_xmit _*napi_poll napi_poll __napi_poll
  process_one_work process_scheduled_works call_timer_fn _*hrtimer_run_queues _*run_hrtimer
  expire_timers _*run_timers.* run_ksoftirqd smpboot_thread_fn _*do_softirq handle_softirqs
  tasklet_action.* rcu_do_batch task_work_run kthread ret_from_fork.* irq_thread.*
  _*handle_irq_event_percpu)";

class NameSet {
 public:
  NameSet(std::initializer_list<std::string_view> groups) : pattern_(joined(groups), options()) {}
  bool has(std::string_view name) const {
    return RE2::FullMatch({name.data(), name.size()}, pattern_);
  }

 private:
  static RE2::Options options() {
    RE2::Options options;
    options.set_encoding(RE2::Options::EncodingLatin1);
    options.set_never_capture(true);
    options.set_max_mem(32 << 20);
    return options;
  }

  static std::string joined(std::initializer_list<std::string_view> groups) {
    std::string all;
    for (std::string_view group : groups) {
      std::istringstream names{std::string(group)};
      for (std::string name; names >> name;)
        all += (all.empty() ? "(?:" : "|(?:") + name + ")";
    }
    return all;
  }

  RE2 pattern_;
};

} // namespace

bool is_machinery(std::string_view function, Skip skip) {
  static const NameSet common{printing,   sanitizers, traps,      memory,
                              allocation, locks,      containers, entry};
  static const NameSet fault{printing, sanitizers, traps, memory, containers, locks};
  static const NameSet wait{waits};
  static const NameSet keep{kept};
  static const NameSet timer{timers};
  static const NameSet page{page_cache};
  static const NameSet leak{shared_objects};
  static const NameSet usb{usb_transfers};
  switch (skip) {
  case Skip::common:
    return common.has(function);
  case Skip::fault:
    return fault.has(function);
  case Skip::wait:
    return !keep.has(function) && (wait.has(function) || common.has(function));
  case Skip::timer:
    return timer.has(function) || common.has(function);
  case Skip::page:
    return page.has(function) || common.has(function);
  case Skip::leak:
    return leak.has(function) || common.has(function);
  case Skip::usb:
    return usb.has(function) || common.has(function);
  }
  return false;
}

bool is_last_resort(std::string_view function) {
  static const NameSet set{last_resort};
  return set.has(function);
}

bool is_fault_injection(std::string_view function) { return function.starts_with(fault_injection); }

bool is_interrupt_entry(std::string_view function) {
  static const NameSet set{interrupts};
  return set.has(function);
}

bool is_cross_call(std::string_view function) { return function.starts_with("smp_call_function"); }

bool is_rcu_thread(std::string_view function) {
  return function == "rcu_gp_kthread" || function == "rcu_gp_fqs_loop";
}

bool is_dispatcher(std::string_view function) {
  static const NameSet set{dispatchers};
  return set.has(function);
}

} // namespace harness
