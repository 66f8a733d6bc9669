"""Who watches what: views, placement, owners and the handover between them (steps 3 and 4 of the flow).

Belongs here, in the order a view change passes through it: `view` (which record of the `views` topic is the next
view), `hashing` (how much a node is preferred for a partition), `placement` (partition to node), `owner` (service to
node), `distribution` (what this node has to do with each service), `handover` (when the old owner may stop).

Never here: a clock, a socket, a Kafka client, Faust, or anything a node remembers besides the log. Each function gets
the view as an argument, so every node, the simulator and a what-if question reach the same answer from the same view
(O-6), and no node ever has to be told it by another.
"""
