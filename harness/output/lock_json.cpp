#include "harness/output/lock_json.hpp"

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace harness {

namespace {

using nlohmann::json;

json place_json(const CodePlace& place) {
  return {{"function", place.function}, {"offset", place.offset}, {"module", place.module},
          {"file", place.file},         {"line", place.line},     {"inlined", place.inlined}};
}

json task_json(const TaskId& task) { return {{"name", task.name}, {"pid", task.pid}}; }

json class_json(const LockClass& lock) {
  return {
      {"name", lock.name}, {"subclass", lock.subclass}, {"usage", lock.usage}, {"wait", lock.wait}};
}

// [convert(item)]
template<typename Items, typename Convert> json list_json(const Items& items, Convert convert) {
  json list = json::array();
  for (const auto& item : items)
    list.push_back(convert(item));
  return list;
}

template<typename Value, typename Convert>
json optional_json(const std::optional<Value>& value, Convert convert) {
  return value ? convert(*value) : json();
}

json stack_json(const CodeStack& stack) { return list_json(stack, place_json); }

json lock_json(const Lock& lock) {
  json value = class_json(lock.lock_class);
  value["address"] = lock.address;
  value["at"] = stack_json(lock.at);
  return value;
}

json chain_entry_json(const ChainEntry& entry) {
  json stacks = list_json(entry.stacks, [](const LockStack& stack) {
    return json{{"label", stack.label}, {"frames", stack_json(stack.frames)}};
  });
  return {{"number", entry.number}, {"lock", class_json(entry.lock)}, {"stacks", stacks}};
}

json related_json(const RelatedLock& related) {
  return {{"says", related.says},
          {"lock", class_json(related.lock)},
          {"stack", stack_json(related.stack)}};
}

json dependencies_json(const Dependencies& dependencies) {
  return {{"says", dependencies.says}, {"locks", list_json(dependencies.locks, chain_entry_json)}};
}

json held_json(const HeldLocks& held) {
  return {{"task", task_json(held.task)},
          {"count", held.count},
          {"locks", list_json(held.locks, lock_json)}};
}

json event_json(const IrqEvent& event) {
  return {{"what", event.what}, {"number", event.number}, {"at", stack_json(event.at)}};
}

json rcu_json(const LockdepReport& report) {
  if (report.rcu_message.empty())
    return {};
  return {{"file", report.rcu_file}, {"line", report.rcu_line}, {"message", report.rcu_message}};
}

std::string state_text(const TaskStack& stack) {
  return stack.state == 0 ? std::string() : std::string(1, stack.state);
}

json holder_json(const LockHolder& holder) {
  return {
      {"task", task_json(holder.task)},        {"evidence", evidence_name(holder.evidence)},
      {"same_instance", holder.same_instance}, {"hung", holder.hung},
      {"deadlock", holder.deadlock},           {"entered", list_json(holder.entered, lock_json)},
      {"state", state_text(holder.stack)},     {"stack", stack_json(holder.stack.frames)}};
}

json blocker_json(const Blocker& blocker) {
  return {{"kind", blocker.kind}, {"owner", optional_json(blocker.owner, task_json)}};
}

} // namespace

json to_json(const LockdepReport& report) {
  return {{"kind", kind_name(report.kind)},
          {"headline", report.headline},
          {"kernel", report.kernel},
          {"task", task_json(report.task)},
          {"wanted", optional_json(report.wanted, lock_json)},
          {"holding", optional_json(report.holding, lock_json)},
          {"related", list_json(report.related, related_json)},
          {"usage", report.usage},
          {"context", report.context},
          {"chain", list_json(report.chain, chain_entry_json)},
          {"chain_of", report.chain_of},
          {"dependencies", list_json(report.dependencies, dependencies_json)},
          {"scenario", report.scenario},
          {"held", list_json(report.held, held_json)},
          {"irq_events", list_json(report.irq_events, event_json)},
          {"backtrace", stack_json(report.backtrace)},
          {"rcu", rcu_json(report)}};
}

json to_json(const HungTask& hung) {
  return {{"task", task_json(hung.task)},
          {"seconds", hung.seconds},
          {"kernel", hung.kernel},
          {"state", state_text(hung.stack)},
          {"workqueue", hung.stack.workqueue},
          {"stack", stack_json(hung.stack.frames)},
          {"stale", stack_json(hung.stack.stale)},
          {"blocker", optional_json(hung.blocker, blocker_json)},
          {"locks_shown", hung.locks_shown},
          {"entered", list_json(hung.entered, lock_json)},
          {"others", list_json(hung.others, task_json)},
          {"waits_in", hung.waits_in},
          {"waits_for", optional_json(hung.waits_for, lock_json)},
          {"waiters", list_json(hung.waiters, task_json)},
          {"holders", list_json(hung.holders, holder_json)}};
}

} // namespace harness
